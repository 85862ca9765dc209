//! Layouts and archives that mean harm, or that nobody can read.

use std::fs;
use std::os::unix::fs::symlink;

use minifier::transport::{Limits, open_image, open_source};
use serde_json::{Value, json};

use crate::transport::support::{
    Layout, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, gzip, layer, location, open, open_error, options,
};

fn with_layer(media_type: &str) -> Layout {
    let mut layout = Layout::new();
    let tar = layer("a", b"a");
    let image = layout.image("amd64", &[(media_type, gzip(&tar), tar)]);
    layout.add(image, None);
    layout
}

#[tokio::test]
async fn layers_that_nobody_can_read_are_refused_by_name() {
    for (media_type, message) in [
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "layer 1 of 1",
        ),
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "is foreign",
        ),
        (
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            "is encrypted",
        ),
    ] {
        let layout = with_layer(media_type);
        let error = open_error(&format!("oci:{}", layout.path())).await;
        assert!(
            error.contains(message) && error.contains(media_type),
            "{error}"
        );
    }
}

#[tokio::test]
async fn documents_that_are_no_images_are_refused() {
    let mut schema1 = Layout::new();
    let manifest = json!({"schemaVersion": 1, "name": "app", "fsLayers": []});
    let descriptor = schema1.blob(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        manifest.to_string().as_bytes(),
    );
    schema1.add(descriptor, None);
    let error = open_error(&format!("oci:{}", schema1.path())).await;
    assert!(error.contains("schema 1"), "{error}");

    let layout = with_layer(OCI_LAYER);
    let index = layout.folder.path().join("index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("sha256:", "sha512:")).unwrap();
    let error = open_error(&format!("oci:{}", layout.path())).await;
    assert!(error.contains("does not start with \"sha256:\""), "{error}");

    fs::write(&index, vec![b' '; (4 << 20) + 1]).unwrap();
    let error = open_error(&format!("oci:{}", layout.path())).await;
    assert!(
        error.contains("more than a document of an image may have"),
        "{error}"
    );
}

#[tokio::test]
async fn an_index_that_leads_in_circles_ends() {
    // One that names itself cannot be made; one that names the next many times over can.
    let mut layout = Layout::new();
    let mut descriptor = layout.image("amd64", &[]);
    for _ in 0..8 {
        let manifests: Vec<Value> = vec![descriptor.clone(); 50];
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        descriptor = layout.blob(OCI_INDEX, index.to_string().as_bytes());
    }
    layout.add(descriptor, None);
    let error = open_error(&format!("oci:{}", layout.path())).await;
    assert!(error.contains("name more than 10000 manifests"), "{error}");
}

#[tokio::test]
async fn blobs_are_files_of_the_layout_and_nothing_else() {
    let elsewhere = tempfile::tempdir().unwrap();
    let layout = with_layer(&format!("{OCI_LAYER}+gzip"));
    let source = format!("oci:{}", layout.path());
    let manifest = open(&source).await.unwrap().manifest;
    // A blob that is a link, even one to the right bytes.
    let blob = layout.blob_file(&manifest.layers()[0].digest.to_string());
    let moved = elsewhere.path().join("blob");
    fs::rename(&blob, &moved).unwrap();
    symlink(&moved, &blob).unwrap();
    let stored = open(&source).await.unwrap();
    let scratch = std::env::temp_dir();
    let control = minifier::transport::Control::none();
    let error = open_source(&stored, &scratch, Limits::default(), &control).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    // A pipe does not hang the reader.
    fs::remove_file(&blob).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&blob)
        .status()
        .unwrap();
    assert!(made.success());
    let error = open_source(&stored, &scratch, Limits::default(), &control).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    // The whole folder of blobs somewhere else.
    let blobs = layout.folder.path().join("blobs");
    fs::rename(&blobs, elsewhere.path().join("blobs")).unwrap();
    symlink(elsewhere.path().join("blobs"), &blobs).unwrap();
    let error = open_error(&source).await;
    assert!(error.contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn paths_in_manifest_json_are_members_and_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.json");
    fs::write(&secret, r#"{"rootfs":{"type":"layers"}}"#).unwrap();
    for config in [secret.to_str().unwrap(), "../secret.json", "link"] {
        let manifest = json!([{"Config": config, "Layers": [], "RepoTags": null}]);
        let mut builder = tar::Builder::new(Vec::new());
        minifier_tests::transport::append(
            &mut builder,
            "manifest.json",
            manifest.to_string().as_bytes(),
        );
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "link", &secret).unwrap();
        let file = folder.path().join("archive.tar");
        fs::write(&file, builder.into_inner().unwrap()).unwrap();
        let error = open_error(&format!("docker-archive:{}", file.display())).await;
        assert!(error.contains("which is not in it"), "{config}: {error}");
    }
}

#[tokio::test]
async fn a_layer_that_is_not_what_it_says_is_an_error_that_names_it() {
    let tar = layer("a", &[7; 100_000]);
    let stored = gzip(&tar);
    let other = layer("b", &[8; 1000]);
    let media_type = format!("{OCI_LAYER}+gzip");
    let scratch = tempfile::tempdir().unwrap();
    let control = minifier::transport::Control::none();
    let open_all = async |layout: &Layout| {
        let stored = open(&format!("oci:{}", layout.path())).await.unwrap();
        let error = open_source(&stored, scratch.path(), Limits::default(), &control).unwrap_err();
        (
            error.to_string(),
            stored.manifest.layers()[0].digest.to_string(),
        )
    };
    for (name, damage, message) in [
        (
            "flipped",
            (|b: &mut Vec<u8>| *b.last_mut().unwrap() ^= 1) as fn(&mut Vec<u8>),
            "",
        ),
        ("cut", |b| b.truncate(b.len() - 4), "bytes, expected"),
        ("longer", |b| b.extend([0; 10]), "more than the expected"),
        ("empty", Vec::clear, "it has 0 bytes"),
    ] {
        let mut layout = Layout::new();
        let image = layout.image("amd64", &[(&media_type, stored.clone(), tar.clone())]);
        layout.add(image, None);
        let digest = minifier::image::Digest::of(&stored).to_string();
        let file = layout.blob_file(&digest);
        let mut bytes = fs::read(&file).unwrap();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let (error, digest) = open_all(&layout).await;
        assert!(
            error.contains(&digest) && error.contains(message),
            "{name}: {error}"
        );
    }
    // The right digest, but not of the layer that the config means.
    let mut layout = Layout::new();
    let image = layout.image("amd64", &[(&media_type, gzip(&other), tar)]);
    layout.add(image, None);
    let (error, _) = open_all(&layout).await;
    assert!(error.contains("its diff ID is"), "{error}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_bomb_is_an_error_before_it_fills_the_disk() {
    let tar = layer("zeros", &vec![0; 64 << 20]);
    let bomb = zstd::encode_all(&tar[..], 19).unwrap();
    assert!(bomb.len() < 20_000);
    let mut layout = Layout::new();
    let media_type = format!("{OCI_LAYER}+zstd");
    let image = layout.image("amd64", &[(&media_type, bomb, tar)]);
    layout.add(image, None);
    let source = location(&format!("oci:{}", layout.path()));
    let stored = open_image(&source, &options()).await.unwrap();
    let limits = Limits {
        uncompressed: 1 << 20,
        ratio: None,
    };
    let control = minifier::transport::Control::none();
    let scratch = std::env::temp_dir();
    let error = open_source(&stored, &scratch, limits, &control).unwrap_err();
    assert!(
        error.to_string().contains("more than 1048576 bytes"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--max-uncompressed"));
    assert!(open_source(&stored, &scratch, Limits::default(), &control).is_ok());
}

#[tokio::test]
async fn a_truncated_or_lying_archive_is_an_error() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, None);
    let stored = open(&format!("oci:{}", layout.path())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tar");
    crate::transport::support::done(
        folder.path(),
        &[
            "copy",
            &format!("oci:{}", layout.path()),
            "oci-archive:a.tar",
        ],
    );
    let whole = fs::read(&file).unwrap();
    let source = format!("oci-archive:{}", file.display());
    assert_eq!(open(&source).await.unwrap().manifest, stored.manifest);
    // The end mark and the layout's version are not needed.
    for end in (0..whole.len() - 2048).step_by(4099) {
        fs::write(&file, &whole[..end]).unwrap();
        assert!(open(&source).await.is_err(), "{end}");
    }
    // A member that is longer than the file, and one of no sane size.
    for size in [1 << 40, u64::MAX >> 1] {
        let mut header = tar::Header::new_gnu();
        header.set_path("blobs/sha256/x").unwrap();
        header.set_size(size);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        fs::write(&file, [header.as_bytes(), &whole[..]].concat()).unwrap();
        let error = open_error(&source).await;
        assert!(error.contains("read oci-archive:"), "{error}");
    }
    assert_eq!(stored.manifest.media_type(), OCI_MANIFEST);
}
