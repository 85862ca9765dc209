//! Tests of reading archives: both layouts, in any order, whole and broken.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::json;

use super::*;
use crate::image::{DiffId, Digest, Platform};
use crate::rootfs::EntryKind;
use crate::rootfs::tar::testing::{Tar, layer};
use crate::transport::{Select, WantedImage};

/// Members of an archive by name.
type Members = BTreeMap<String, Vec<u8>>;

fn config(diff_ids: &[DiffId], architecture: &str) -> Vec<u8> {
    let config = json!({
        "os": "linux",
        "architecture": architecture,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    serde_json::to_vec(&config).unwrap()
}

/// Three layers, the last one like the first.
fn layers() -> Vec<(Vec<u8>, DiffId)> {
    let first = layer(&[("etc/one", b"1"), ("etc/both", b"lower")]);
    let second = layer(&[("etc/both", b"upper")]);
    vec![first.clone(), second, first]
}

fn diff_ids(layers: &[(Vec<u8>, DiffId)]) -> Vec<DiffId> {
    layers.iter().map(|(_, id)| *id).collect()
}

/// The layout of Engine 20.10: the third layer is a link to the first.
fn old_layout() -> (Members, Digest) {
    let layers = layers();
    let config = config(&diff_ids(&layers), "amd64");
    let id = Digest::of(&config);
    let manifest = json!([{
        "Config": format!("{}.json", id.to_hex()),
        "RepoTags": ["app:1", "app:latest"],
        "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"],
    }]);
    let members = BTreeMap::from([
        (format!("{}.json", id.to_hex()), config),
        ("manifest.json".into(), manifest.to_string().into_bytes()),
        ("a/VERSION".into(), b"1.0".to_vec()),
        ("a/json".into(), b"{}".to_vec()),
        ("a/layer.tar".into(), layers[0].0.clone()),
        ("b/layer.tar".into(), layers[1].0.clone()),
        ("c/layer.tar".into(), b"->../a/layer.tar".to_vec()),
    ]);
    (members, id)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn blob(members: &mut Members, bytes: Vec<u8>) -> serde_json::Value {
    let digest = Digest::of(&bytes);
    let size = bytes.len();
    members.insert(format!("blobs/sha256/{}", digest.to_hex()), bytes);
    json!({"mediaType": "application/octet-stream", "digest": digest, "size": size})
}

/// A manifest of three layers, each compressed in another way; gives its descriptor.
fn oci_image(members: &mut Members, architecture: &str) -> serde_json::Value {
    let layers = layers();
    let compressed = [
        layers[0].0.clone(),
        gzip(&layers[1].0),
        zstd::encode_all(&layers[2].0[..], 1).unwrap(),
    ];
    let config = blob(members, config(&diff_ids(&layers), architecture));
    let layers: Vec<_> = compressed.into_iter().map(|l| blob(members, l)).collect();
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
    blob(members, manifest.to_string().into_bytes())
}

fn oci_layout(architectures: &[&str]) -> Members {
    let mut members = Members::new();
    let manifests: Vec<_> = architectures
        .iter()
        .map(|architecture| oci_image(&mut members, architecture))
        .collect();
    let index = json!({"schemaVersion": 2, "manifests": manifests});
    let descriptor = blob(&mut members, index.to_string().into_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    members.insert("index.json".into(), index.to_string().into_bytes());
    members.insert(
        "oci-layout".into(),
        br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec(),
    );
    members
}

fn pack<'a>(members: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>) -> Vec<u8> {
    let mut tar = Tar::new();
    for (name, bytes) in members {
        tar = match bytes.strip_prefix(b"->") {
            Some(target) => tar.symlink(name, std::str::from_utf8(target).unwrap()),
            None => tar.file(name, bytes),
        };
    }
    tar.bytes()
}

fn read(archive: &[u8], select: &Select) -> Result<ArchiveImage, ArchiveError> {
    read_archive(archive, &std::env::temp_dir(), select)
}

fn error(archive: &[u8], select: &Select) -> String {
    match read(archive, select) {
        Ok(_) => panic!("the archive was read"),
        Err(error) => error.to_string(),
    }
}

/// Path, layer and content of every file.
fn files(image: &ArchiveImage) -> Vec<(String, u32, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in image.layers.iter().flat_map(|layer| &layer.entries) {
        if let EntryKind::File(content) = entry.kind {
            let mut bytes = Vec::new();
            image
                .content
                .open(content)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            files.push((entry.path.to_string(), content.layer, bytes));
        }
    }
    files
}

fn expected() -> Vec<(String, u32, Vec<u8>)> {
    [
        ("/etc/one", 0, "1"),
        ("/etc/both", 0, "lower"),
        ("/etc/both", 1, "upper"),
        ("/etc/one", 2, "1"),
        ("/etc/both", 2, "lower"),
    ]
    .map(|(path, layer, body)| (path.to_owned(), layer, body.into()))
    .into()
}

#[test]
fn both_layouts_read_alike_in_any_order() {
    let (old, id) = old_layout();
    let oci = oci_layout(&["amd64"]);
    for members in [&old, &oci] {
        let archives = [pack(members), pack(members.iter().rev())];
        let compressed = gzip(&archives[0]);
        for archive in archives.iter().chain([&compressed]) {
            let image = read(archive, &Select::default()).unwrap();
            assert_eq!(image.config_digest, id);
            assert_eq!(files(&image), expected());
        }
    }
    let image = read(&pack(&old), &Select::default()).unwrap();
    assert_eq!(image.repo_tags, ["app:1", "app:latest"]);
    assert_eq!(image.layer_bytes[0], layers()[0].0.len() as u64);
}

#[test]
fn a_layer_with_other_bytes_is_an_error() {
    let (mut members, _) = old_layout();
    let at = members["b/layer.tar"]
        .iter()
        .position(|&b| b == b'u')
        .unwrap();
    let mut damaged = layer(&[("etc/both", b"uPPer")]).0;
    damaged.truncate(members["b/layer.tar"].len());
    assert!(at < damaged.len());
    members.insert("b/layer.tar".into(), damaged);
    let error = error(&pack(&members), &Select::default());
    assert!(
        error.starts_with("read layer b/layer.tar of the image archive: its diff ID is"),
        "{error}"
    );
}

#[test]
fn a_truncated_archive_is_an_error_wherever_it_ends() {
    let (members, _) = old_layout();
    let mut oci = oci_layout(&["amd64"]);
    // Nobody needs it, and it would be the last one.
    oci.remove("oci-layout");
    let padding = |members: &Members| {
        let last = members.values().next_back().unwrap().len();
        last.next_multiple_of(512) - last
    };
    let compressed = gzip(&pack(&oci));
    // The last padding and the end mark may be missing.
    for (archive, spare) in [
        (pack(&members), 1024 + padding(&members)),
        (pack(&oci), 1024 + padding(&oci)),
        (compressed, 0),
    ] {
        for end in (0..archive.len() - spare).step_by(97) {
            assert!(read(&archive[..end], &Select::default()).is_err(), "{end}");
        }
    }
    let archive = pack(&members);
    let cut = archive.len() - 4096;
    let error = error(&archive[..cut], &Select::default());
    assert!(error.contains("in the middle of"), "{error}");
}

#[test]
fn members_that_are_named_and_not_there_are_errors() {
    for (name, message) in [
        ("b/layer.tar", "names b/layer.tar, which is not in it"),
        ("manifest.json", "neither manifest.json nor index.json"),
    ] {
        let (mut members, _) = old_layout();
        members.remove(name);
        let error = error(&pack(&members), &Select::default());
        assert!(error.contains(message), "{error}");
    }
    let (mut members, _) = old_layout();
    members.retain(|name, _| name.len() < 64);
    let error = error(&pack(&members), &Select::default());
    assert!(error.contains("manifest.json names"), "{error}");
}

#[test]
fn members_of_another_kind_than_they_are_named_as_are_errors() {
    let (mut members, id) = old_layout();
    members.insert("b/layer.tar".into(), b"{}".to_vec());
    let message = error(&pack(&members), &Select::default());
    assert_eq!(
        message,
        "read layer b/layer.tar of the image archive: it is not a tar file"
    );

    let (mut members, _) = old_layout();
    let config = format!("{}.json", id.to_hex());
    members.insert(config.clone(), b"no config".to_vec());
    let message = error(&pack(&members), &Select::default());
    assert_eq!(
        message,
        format!("read the image archive: {config} is not a JSON document")
    );

    let (mut members, _) = old_layout();
    members.insert("manifest.json".into(), vec![b' '; 5 << 20]);
    let message = error(&pack(&members), &Select::default());
    assert!(
        message.contains("manifest.json has 5242880 bytes"),
        "{message}"
    );
}

#[test]
fn an_artifact_whose_config_is_no_document_is_passed_over() {
    for config in [b"text".to_vec(), vec![b' '; 5 << 20]] {
        let mut members = Members::new();
        let image = oci_image(&mut members, "amd64");
        let config = blob(&mut members, config);
        let artifact = json!({"schemaVersion": 2, "config": config, "layers": []});
        let artifact = blob(&mut members, artifact.to_string().into_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [artifact, image]});
        members.insert("index.json".into(), index.to_string().into_bytes());
        assert!(read(&pack(&members), &Select::default()).is_ok());
    }
}

#[test]
fn the_last_member_of_a_name_counts() {
    let (members, id) = old_layout();
    let link = ("b/layer.tar".to_owned(), b"->../a/layer.tar".to_vec());
    let archive = pack([(&link.0, &link.1)].into_iter().chain(&members));
    assert_eq!(
        read(&archive, &Select::default()).unwrap().config_digest,
        id
    );
    let archive = pack(members.iter().chain([(&link.0, &link.1)]));
    let message = error(&archive, &Select::default());
    assert!(message.contains("its diff ID is"), "{message}");
}

#[test]
fn an_archive_has_a_limited_number_of_members() {
    let (members, _) = old_layout();
    let mut tar = Tar::new();
    for number in 0..100_000 {
        tar = tar.symlink(&format!("{number}"), "x");
    }
    let mut archive = tar.bytes();
    // Without the end mark, so that the image follows.
    archive.truncate(archive.len() - 1024);
    archive.extend(pack(&members));
    let message = error(&archive, &Select::default());
    assert!(message.contains("no more than 100000 members"), "{message}");
}

#[test]
fn documents_that_do_not_have_their_digest_are_errors() {
    let (mut members, id) = old_layout();
    let name = format!("{}.json", id.to_hex());
    members.get_mut(&name).unwrap().push(b' ');
    let error = error(&pack(&members), &Select::default());
    assert!(error.contains("its digest is"), "{error}");
}

#[test]
fn links_in_a_circle_and_broken_layers_are_errors() {
    let (mut members, _) = old_layout();
    members.insert("c/layer.tar".into(), b"->../c/layer.tar".to_vec());
    let message = error(&pack(&members), &Select::default());
    assert!(
        message.contains("the link c/layer.tar does not lead to a file"),
        "{message}"
    );

    let (mut members, _) = old_layout();
    let mut broken = gzip(&layers()[1].0);
    broken.truncate(broken.len() / 2);
    members.insert("b/layer.tar".into(), broken);
    let message = error(&pack(&members), &Select::default());
    assert!(message.contains("read layer b/layer.tar"), "{message}");
}

#[test]
fn the_platform_decides_between_images() {
    let archive = pack(&oci_layout(&["amd64", "arm64"]));
    for architecture in ["amd64", "arm64"] {
        let select = Select {
            platform: Some(format!("linux/{architecture}").parse().unwrap()),
            ..Select::default()
        };
        let image = read(&archive, &select).unwrap();
        assert_eq!(image.config.platform().architecture, architecture);
    }
    let image = read(&archive, &Select::default()).unwrap();
    assert!(image.config.platform().satisfies(&Platform::host()));
    let select = Select {
        platform: Some("linux/s390x".parse().unwrap()),
        ..Select::default()
    };
    assert_eq!(
        error(&archive, &select).split_once(", it has").unwrap().0,
        "read the image archive: it has no image for linux/s390x"
    );
    let foreign = pack(&oci_layout(&["s390x", "riscv64"]));
    assert!(error(&foreign, &Select::default()).contains("several images"));
}

#[test]
fn an_image_is_found_by_name_and_by_config() {
    let (members, id) = old_layout();
    let archive = pack(&members);
    let by_name = |name: &str| Select {
        name: Some(WantedImage::Name(name.to_owned())),
        ..Select::default()
    };
    assert!(read(&archive, &by_name("docker.io/library/app:1")).is_ok());
    assert!(error(&archive, &by_name("app:2")).contains("no image app:2, it has: app:1"));
    let by_config = |config| Select {
        config: Some(config),
        ..Select::default()
    };
    assert!(read(&archive, &by_config(id)).is_ok());
    assert!(read(&archive, &by_config(Digest::of(b"other"))).is_err());
}

#[test]
fn a_scratch_folder_that_cannot_be_written_is_named() {
    let (members, _) = old_layout();
    let error = match read_archive(
        &pack(&members)[..],
        Path::new("/nonexistent/scratch"),
        &Select::default(),
    ) {
        Ok(_) => panic!("spooled to nowhere"),
        Err(error) => error.to_string(),
    };
    assert!(
        error.starts_with("spool a layer to /nonexistent/scratch:"),
        "{error}"
    );
}

proptest::proptest! {
    #[test]
    fn damaged_archives_never_panic(
        damage in proptest::collection::vec((0usize..20000, proptest::num::u8::ANY), 1..10),
    ) {
        let (members, _) = old_layout();
        for mut archive in [pack(&members), pack(&oci_layout(&["amd64"]))] {
            for &(at, value) in &damage {
                let at = at % archive.len();
                archive[at] = value;
            }
            let _ = read(&archive, &Select::default());
        }
    }
}
