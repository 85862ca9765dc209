//! The archive of an image: its bytes depend on the image and the tags alone, and its file is complete or absent.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use minifier::image::{Bundle, DiffId, ImageConfig, LayerFile, TaggedName};
use minifier::transport::{
    ArchiveInfo, Mismatch, TransportError, WriteError, check_archive, write_archive,
    write_archive_file,
};
use minifier_tests::command::run;
use serde_json::json;
use tempfile::TempDir;

/// A tar of that size which holds one file.
fn layer(byte: u8, size: usize) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("file-{byte}")).unwrap();
    header.set_mode(0o644);
    header.set_size(size as u64 - 512);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(size, byte);
    bytes
}

/// Two layers of which one comes twice.
fn bundle(folder: &Path) -> Bundle {
    let file = |byte: u8, size: usize| {
        let bytes = layer(byte, size);
        let path = folder.join(format!("layer-{byte}.tar"));
        fs::write(&path, &bytes).unwrap();
        LayerFile {
            diff_id: DiffId::of(&bytes),
            size: size as u64,
            path,
        }
    };
    let layers = vec![file(1, 1_000_000), file(2, 512), file(1, 1_000_000)];
    let diff_ids: Vec<DiffId> = layers.iter().map(|layer| layer.diff_id).collect();
    let config = json!({
        "architecture": "arm", "variant": "v7", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{}, {}, {"empty_layer": true}, {}],
    });
    let config = ImageConfig::parse(config.to_string().as_bytes()).unwrap();
    Bundle { config, layers }
}

fn tags(names: &[&str]) -> Vec<TaggedName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn write(bundle: &Bundle, names: &[&str]) -> (Vec<u8>, ArchiveInfo) {
    let mut bytes = Vec::new();
    let info = write_archive(bundle, &tags(names), 0, &mut bytes, &mut go_on).unwrap();
    assert_eq!(info.size, bytes.len() as u64);
    (bytes, info)
}

fn check(archive: &[u8]) -> Result<Vec<Mismatch>, TransportError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(archive).unwrap();
    check_archive(file)
}

fn document(archive: &[u8], name: &str) -> serde_json::Value {
    let mut tar = tar::Archive::new(archive);
    let found = tar
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| &*entry.path_bytes() == name.as_bytes());
    let mut text = String::new();
    found
        .unwrap_or_else(|| panic!("no {name}"))
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_archive_checks_out_and_is_the_same_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let (bytes, info) = write(&bundle, &["app:slim", "app:1"]);
    assert_eq!(check(&bytes).unwrap(), []);
    assert_eq!(write(&bundle, &["app:slim", "app:1"]).0, bytes);
    assert_eq!(info.image_id, bundle.config.digest());
    assert_eq!(
        info.manifest.to_string(),
        "sha256:dadeec951db3f552d38fcea9e6aae92cf90c755715dec5af1b48c6abd8b69818",
        "the bytes of the manifest changed"
    );
    let names: Vec<String> = tar::Archive::new(&bytes[..])
        .entries()
        .unwrap()
        .map(|entry| String::from_utf8(entry.unwrap().path_bytes().to_vec()).unwrap())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    // Two folders, config, manifest, two different layers, three documents.
    assert_eq!(names.len(), 9);
}

#[test]
fn every_tag_is_named_for_docker_and_for_containerd() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let (bytes, info) = write(&bundle, &["app:slim", "r.example:5000/a/b"]);
    let docker = document(&bytes, "manifest.json");
    assert_eq!(
        docker[0]["RepoTags"],
        json!(["app:slim", "r.example:5000/a/b:latest"])
    );
    assert_eq!(docker[0]["Layers"].as_array().unwrap().len(), 3);
    let index = document(&bytes, "index.json");
    let names: Vec<_> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            assert_eq!(m["digest"], info.manifest.to_string());
            assert_eq!(
                m["platform"],
                json!({"os": "linux", "architecture": "arm", "variant": "v7"})
            );
            m["annotations"].clone()
        })
        .collect();
    let (name, tag) = (
        "io.containerd.image.name",
        "org.opencontainers.image.ref.name",
    );
    let expected = [
        json!({name: "docker.io/library/app:slim", tag: "slim"}),
        json!({name: "r.example:5000/a/b:latest", tag: "latest"}),
    ];
    assert_eq!(names, expected);
    let (untagged, same) = write(&bundle, &[]);
    assert_eq!(check(&untagged).unwrap(), []);
    assert_eq!(
        document(&untagged, "manifest.json")[0]["RepoTags"],
        json!([])
    );
    assert_eq!(same.manifest, info.manifest);
}

#[test]
fn the_time_of_the_entries_is_the_given_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    write_archive(&bundle(folder.path()), &[], 1234, &mut bytes, &mut go_on).unwrap();
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        assert_eq!(entry.unwrap().header().mtime().unwrap(), 1234);
    }
}

#[test]
fn a_layer_that_changed_since_it_was_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path());
    let path = bundle.layers[1].path.clone();
    for bytes in [vec![2; 511], vec![2; 513], vec![3; 512]] {
        fs::write(&path, bytes).unwrap();
        let error = write_archive(&bundle, &[], 0, std::io::sink(), &mut go_on).unwrap_err();
        assert!(
            matches!(&error, TransportError::WriteArchive(WriteError::ChangedLayer { path: p }) if *p == path),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    let error = write_archive(&bundle, &[], 0, std::io::sink(), &mut go_on).unwrap_err();
    assert!(error.to_string().starts_with("read the layer /"), "{error}");
}

#[test]
fn all_mismatches_of_an_archive_are_reported_together() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bytes, _) = write(&bundle(folder.path()), &["app"]);
    let at = |needle: &[u8], bytes: &[u8]| {
        bytes
            .windows(needle.len())
            .position(|w| w == needle)
            .unwrap()
    };
    // A byte of the large layer, and the size of the small one in the manifest.
    let layer = at(&[1; 100], &bytes);
    bytes[layer] = 0;
    let size = at(b"\"size\":512", &bytes);
    bytes[size + 7] = b'6';
    let found: Vec<String> = check(&bytes)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    let hits = |text: &str| found.iter().filter(|f| f.contains(text)).count();
    // The layer, and the manifest.
    assert_eq!(hits("its bytes have the digest"), 1, "{found:#?}");
    assert_eq!(hits("its digest is"), 1, "{found:#?}");
    assert_eq!(
        hits("has 512 bytes, the manifest says 612"),
        1,
        "{found:#?}"
    );
    assert_eq!(hits("its diff ID is"), 1, "{found:#?}");

    let empty = tar::Builder::new(Vec::new()).into_inner().unwrap();
    assert_eq!(
        check(&empty).unwrap_err().to_string(),
        "read the archive: it has neither manifest.json nor index.json"
    );
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_file_is_replaced_by_a_complete_archive_that_others_may_read() {
    let (layers, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bundle = bundle(layers.path());
    let (file, link) = (out.path().join("image.tar"), out.path().join("link"));
    fs::write(&file, "old").unwrap();
    symlink("image.tar", &link).unwrap();
    write_archive_file(&bundle, &tags(&["a"]), 0, &link, &mut go_on).unwrap();
    assert_eq!(files(&out), [file.clone(), link.clone()]);
    assert!(link.is_symlink());
    assert_eq!(fs::read(&file).unwrap(), write(&bundle, &["a"]).0);
    // As the umask has it for any new file.
    let plain = out.path().join("plain");
    File::create(&plain).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file), mode(&plain));
    let dangling = out.path().join("dangling");
    symlink("not/there", &dangling).unwrap();
    let error = write_archive_file(&bundle, &[], 0, &dangling, &mut go_on).unwrap_err();
    assert!(
        error.to_string().contains("dangling: No such file"),
        "{error}"
    );
}

#[test]
fn a_cancelled_archive_leaves_what_was_there_and_nothing_else() {
    let (layers, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bundle = bundle(layers.path());
    let (old, new) = (out.path().join("old.tar"), out.path().join("new.tar"));
    fs::write(&old, "old").unwrap();
    for path in [&old, &new] {
        let mut seen = 0;
        let mut watch = |written| {
            seen = written;
            if written > 600_000 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let error = write_archive_file(&bundle, &[], 0, path, &mut watch).unwrap_err();
        assert!(
            matches!(error, TransportError::WriteArchive(WriteError::Cancelled)),
            "{error}"
        );
        assert!(seen > 600_000);
    }
    assert_eq!(files(&out), std::slice::from_ref(&old));
    assert_eq!(fs::read(&old).unwrap(), b"old");
}

#[test]
fn what_is_no_file_is_written_to_or_refused_but_not_replaced() {
    let (layers, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bundle = bundle(layers.path());
    let full = Path::new("/dev/full");
    let error = write_archive_file(&bundle, &[], 0, full, &mut go_on).unwrap_err();
    assert_eq!(
        error.to_string(),
        "write the archive /dev/full: No space left on device (os error 28)"
    );
    assert!(!fs::metadata(full).unwrap().is_file());
    let error = write_archive_file(&bundle, &[], 0, out.path(), &mut go_on).unwrap_err();
    assert!(error.to_string().ends_with(": is a directory"), "{error}");
    assert!(files(&out).is_empty());
}

#[test]
fn privileged_a_full_disk_leaves_what_was_there_and_nothing_else() {
    let (layers, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bundle = bundle(layers.path());
    run(std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
        .arg(out.path()));
    let path = out.path().join("image.tar");
    fs::write(&path, "old").unwrap();
    let result = write_archive_file(&bundle, &[], 0, &path, &mut go_on);
    let (left, content) = (files(&out), fs::read(&path));
    run(std::process::Command::new("umount").arg(out.path()));
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("image.tar: No space left on device"),
        "{error}"
    );
    assert_eq!(left, [path]);
    assert_eq!(content.unwrap(), b"old");
}
