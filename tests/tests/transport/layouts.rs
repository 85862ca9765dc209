//! OCI layouts and archives that hold several images, and copying between them.

use std::fs;

use minifier::image::{MAX_INDEXES, Platform};
use minifier::transport::{
    LayerCompression, Limits, WriteOptions, open_image, open_source, write_image,
};
use serde_json::{Value, json};

use crate::transport::support::{
    Layout, OCI_INDEX, OCI_MANIFEST, done, location, open, open_error, options,
};

fn write_options() -> WriteOptions {
    WriteOptions {
        names: Vec::new(),
        mtime: 0,
        compression: None,
        scratch: std::env::temp_dir(),
        limits: Limits::default(),
        registry: minifier::transport::registry::RegistryOptions::from_env(),
        control: minifier::transport::Control::none(),
    }
}

/// Two platforms and an attestation behind one tag, as buildx writes it.
fn index_of_platforms() -> Layout {
    let mut layout = Layout::new();
    let attestation = {
        let config = layout.blob("application/vnd.oci.image.config.v1+json", br#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#);
        let statement = layout.blob("application/vnd.in-toto+json", b"{}");
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [statement]});
        let mut descriptor = layout.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        descriptor
    };
    let of = |architecture: &str| {
        let mut descriptor = layout.mixed(architecture);
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    };
    let manifests = json!([of("amd64"), of("arm64"), attestation]);
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    let descriptor = layout.blob(OCI_INDEX, index.to_string().as_bytes());
    layout.add(descriptor, Some("app"));
    layout
}

#[tokio::test]
async fn indexes_lead_from_one_to_the_next_as_often_as_in_a_registry() {
    for (levels, is_read) in [(MAX_INDEXES, true), (MAX_INDEXES + 1, false)] {
        let mut layout = Layout::new();
        let mut descriptor = layout.mixed("amd64");
        for _ in 0..levels {
            let index =
                json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]});
            descriptor = layout.blob(OCI_INDEX, index.to_string().as_bytes());
        }
        layout.add(descriptor, Some("app"));
        let opened = open(&format!("oci:{}:app", layout.path())).await;
        assert_eq!(opened.is_ok(), is_read, "{levels}");
    }
}

#[tokio::test]
async fn the_platform_is_chosen_and_the_rest_passed_over_with_a_note() {
    let layout = index_of_platforms();
    let source = format!("oci:{}:app", layout.path());
    for architecture in ["amd64", "arm64"] {
        let mut options = options();
        options.platform = Some(format!("linux/{architecture}").parse().unwrap());
        let image = open_image(&location(&source), &options).await.unwrap();
        assert_eq!(image.config.platform().architecture, architecture);
        assert_eq!(image.names, ["app"]);
        let notes = image.notes.join("\n");
        assert_eq!(image.notes.len(), 2, "{notes}");
        assert!(notes.contains("attestation"), "{notes}");
    }
    let image = open(&source).await.unwrap();
    assert!(image.config.platform().satisfies(&Platform::host()));
    let mut options = options();
    options.platform = Some("linux/s390x".parse().unwrap());
    let error = open_image(&location(&source), &options).await.unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("no image for linux/s390x, it has: app (linux/amd64), app (linux/arm64)"),
        "{error}"
    );
}

#[tokio::test]
async fn images_are_found_by_tag_and_by_digest_and_listed_where_none_is_meant() {
    let mut layout = Layout::new();
    let one = layout.image("amd64", &[]);
    let one = layout.add(one, Some("one"));
    let two = layout.mixed("amd64");
    let two = layout.add(two, Some("two"));
    let path = layout.path();
    let digest = |value: &Value| value["digest"].as_str().unwrap().to_owned();
    for (text, wanted) in [
        (format!("oci:{path}:one"), &one),
        (format!("oci:{path}:two"), &two),
        (format!("oci:{path}@{}", digest(&two)), &two),
    ] {
        let image = open(&text).await.unwrap();
        assert_eq!(
            image.manifest.digest().to_string(),
            digest(wanted),
            "{text}"
        );
    }
    let error = open_error(&format!("oci:{path}")).await;
    assert!(
        error.ends_with("it has several images, name one of: one (linux/amd64), two (linux/amd64)"),
        "{error}"
    );
    let error = open_error(&format!("oci:{path}:three")).await;
    assert!(
        error.contains("no image three, it has: one (linux/amd64), two"),
        "{error}"
    );
}

#[tokio::test]
async fn a_copy_between_oci_forms_keeps_every_byte_and_other_tags() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    let image = layout.add(image, Some("app"));
    let digest = image["digest"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = format!("oci:{}:app", layout.path());
    let run = |args: &[&str]| done(folder.path(), args);
    assert_eq!(run(&["copy", &source, "oci-archive:a.tar:x"]), digest);
    assert_eq!(
        run(&["copy", "oci-archive:a.tar:x", "oci:new/layout:y"]),
        digest
    );
    assert_eq!(
        run(&["copy", "oci-archive:a.tar", "oci:new/layout:z"]),
        digest
    );
    let zstd = ["copy", "--compression", "zstd", "oci-archive:a.tar"];
    let other = run(&[&zstd[..], &["oci:new/layout:y"]].concat());
    assert_ne!(other, digest);
    // Recompressing is the same every time.
    assert_eq!(run(&[&zstd[..], &["oci:again:y"]].concat()), other);
    let index: Value = serde_json::from_str(
        &fs::read_to_string(folder.path().join("new/layout/index.json")).unwrap(),
    )
    .unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    let found: Vec<(&str, &str)> = manifests
        .iter()
        .map(|m| {
            let name = &m["annotations"]["org.opencontainers.image.ref.name"];
            (name.as_str().unwrap(), m["digest"].as_str().unwrap())
        })
        .collect();
    assert_eq!(found, [("z", digest), ("y", &*other)]);
    for tag in ["y", "z"] {
        run(&["validate", &format!("oci:new/layout:{tag}")]);
        let copied = open(&format!("oci:{}/new/layout:{tag}", folder.path().display()))
            .await
            .unwrap();
        assert_eq!(copied.manifest.annotations()["org.example"], "kept");
    }
    let left: Vec<_> = fs::read_dir(folder.path().join("new/layout"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test]
async fn a_copy_into_loadable_archives_and_back_keeps_config_and_diff_ids() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, Some("app"));
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| done(folder.path(), args);
    let source = format!("oci:{}:app", layout.path());
    run(&["copy", &source, "docker-archive:d.tar:app:1"]);
    let archive = format!("docker-archive:{}/d.tar", folder.path().display());
    let (original, copied) = (open(&source).await.unwrap(), open(&archive).await.unwrap());
    assert_eq!(copied.config, original.config);
    assert_eq!(copied.names, ["app:1"]);
    for (layer, diff_id) in copied
        .manifest
        .layers()
        .iter()
        .zip(copied.config.diff_ids())
    {
        assert_eq!(layer.digest.to_string(), diff_id.to_string());
    }
    // A compressed archive, from a file and from a pipe.
    let tar = fs::read(folder.path().join("d.tar")).unwrap();
    fs::write(
        folder.path().join("d.tar.gz"),
        crate::transport::support::gzip(&tar),
    )
    .unwrap();
    let gz = open(&format!(
        "docker-archive:{}/d.tar.gz:app:1",
        folder.path().display()
    ))
    .await
    .unwrap();
    assert_eq!(gz.manifest, copied.manifest);
    let piped = minifier_tests::Minifier::find().unwrap();
    let script = "cat d.tar.gz | \"$0\" copy - - | cat > piped.tar";
    let mut command = std::process::Command::new("sh");
    let program = piped.command(folder.path()).get_program().to_owned();
    minifier_tests::command::run(
        command
            .args(["-c", script])
            .arg(program)
            .current_dir(folder.path()),
    );
    assert!(fs::read(folder.path().join("piped.tar")).unwrap() == tar);
}

#[tokio::test]
async fn the_layers_of_a_layout_open_for_the_rebuild() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, None);
    let stored = open(&format!("oci:{}", layout.path())).await.unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let control = minifier::transport::Control::none();
    let source = open_source(&stored, scratch.path(), Limits::default(), &control).unwrap();
    assert_eq!(source.image_id, stored.config.digest());
    let files: Vec<(String, u64)> =
        minifier_tests::transport::contents(&source.layers, &*source.content)
            .into_iter()
            .map(|(path, _)| path)
            .zip(source.layer_bytes.iter().copied())
            .collect();
    let names: Vec<&str> = files.iter().map(|(path, _)| &**path).collect();
    assert_eq!(names, ["/a", "/b", "/c"]);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn schema_2_becomes_oci_with_the_same_blobs() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    let text = fs::read_to_string(layout.blob_file(image["digest"].as_str().unwrap())).unwrap();
    let text = text
        .replace(
            OCI_MANIFEST,
            "application/vnd.docker.distribution.manifest.v2+json",
        )
        .replace(
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
        )
        .replace(
            "application/vnd.oci.image.layer.v1.tar+",
            "application/vnd.docker.image.rootfs.diff.tar.",
        );
    let docker = layout.blob(
        "application/vnd.docker.distribution.manifest.v2+json",
        text.as_bytes(),
    );
    layout.add(docker, Some("docker"));
    let stored = open(&format!("oci:{}:docker", layout.path()))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = format!("oci:{}/out:x", folder.path().display());
    write_image(&stored, &location(&target), &write_options())
        .await
        .unwrap();
    let oci = open(&target).await.unwrap();
    assert_eq!(oci.manifest.media_type(), OCI_MANIFEST);
    let blobs = |image: &minifier::transport::StoredImage| -> Vec<_> {
        image.manifest.layers().iter().map(|l| l.digest).collect()
    };
    assert_eq!(blobs(&oci), blobs(&stored));
    assert!(oci.manifest.layers()[0].media_type.ends_with("v1.tar+gzip"));
}

#[tokio::test]
async fn a_folder_of_other_things_is_not_made_a_layout() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, None);
    let stored = open(&format!("oci:{}", layout.path())).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("precious"), "x").unwrap();
    let target = location(&format!("oci:{}", folder.path().display()));
    let error = write_image(&stored, &target, &write_options())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("contains other files"),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn levels_that_do_not_exist_are_refused() {
    use minifier::rootfs::tar::Compression;
    assert!(LayerCompression::new(Compression::Gzip, Some(9)).is_ok());
    let error = LayerCompression::new(Compression::Gzip, Some(10)).unwrap_err();
    assert!(error.to_string().contains("levels are 1 to 9"), "{error}");
    assert!(LayerCompression::new(Compression::Zstd, Some(20)).is_err());
}
