//! `validate`: every kind of damage is found, and all of it at once.

use std::fs;

use serde_json::Value;

use crate::transport::support::{Layout, done, minifier};

fn damaged(damage: impl FnOnce(&Layout, &Value)) -> (i32, Value) {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    let image = layout.add(image, Some("app"));
    damage(&layout, &image);
    let source = format!("oci:{}:app", layout.path());
    let output = minifier(
        layout.folder.path(),
        &["validate", "--output", "json", &source],
    );
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json)
}

fn messages(json: &Value) -> Vec<String> {
    let list = json["mismatches"].as_array().unwrap();
    list.iter()
        .map(|m| {
            format!(
                "{}: {}",
                m["object"].as_str().unwrap(),
                m["message"].as_str().unwrap()
            )
        })
        .collect()
}

/// Changes a byte of a file near its end, and keeps what is JSON valid.
fn flip(layout: &Layout, digest: &str) {
    let file = layout.blob_file(digest);
    let mut bytes = fs::read(&file).unwrap();
    match bytes.iter().rposition(|&b| b == b'"') {
        // The last letter of the last text.
        Some(at) if bytes[0] == b'{' => bytes[at - 1] ^= 1,
        _ => {
            let at = bytes.len() / 2;
            bytes[at] ^= 0x40;
        }
    }
    fs::write(&file, bytes).unwrap();
}

fn manifest(layout: &Layout, image: &Value) -> Value {
    let bytes = fs::read(layout.blob_file(image["digest"].as_str().unwrap())).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn an_image_that_is_what_it_says_is_good() {
    let (code, json) = damaged(|_, _| {});
    assert_eq!(
        (code, &json["good"], &json["schema_version"]),
        (0, &true.into(), &1.into())
    );
    assert_eq!(json["layers"].as_array().unwrap().len(), 3);
    assert!(messages(&json).is_empty());
}

#[test]
fn damage_to_every_blob_is_reported_at_once() {
    let (code, json) = damaged(|layout, image| {
        let manifest = manifest(layout, image);
        for layer in manifest["layers"].as_array().unwrap() {
            flip(layout, layer["digest"].as_str().unwrap());
        }
        flip(layout, manifest["config"]["digest"].as_str().unwrap());
        flip(layout, image["digest"].as_str().unwrap());
    });
    assert_eq!(code, 10);
    assert_eq!(json["good"], false);
    let found = messages(&json);
    let hits = |text: &str| found.iter().filter(|f| f.contains(text)).count();
    // Manifest and config, told as documents; the config and each layer, told by their bytes.
    assert_eq!(hits("its digest is"), 2, "{found:#?}");
    assert_eq!(hits("its bytes have the digest"), 4, "{found:#?}");
    // What is compressed breaks, what is not has another diff ID.
    assert_eq!(
        hits("compression") + hits("its diff ID is"),
        3,
        "{found:#?}"
    );
}

#[test]
fn a_config_that_is_no_json_hides_no_damage_to_layers() {
    let (code, json) = damaged(|layout, image| {
        let manifest = manifest(layout, image);
        flip(layout, manifest["layers"][2]["digest"].as_str().unwrap());
        fs::remove_file(layout.blob_file(manifest["layers"][1]["digest"].as_str().unwrap()))
            .unwrap();
        let config = layout.blob_file(manifest["config"]["digest"].as_str().unwrap());
        fs::write(config, "no JSON").unwrap();
    });
    let found = messages(&json);
    let hits = |text: &str| found.iter().filter(|f| f.contains(text)).count();
    assert_eq!(code, 10);
    assert_eq!(hits("parse the image config"), 1, "{found:#?}");
    assert_eq!(hits("its bytes have the digest"), 1, "{found:#?}");
    assert_eq!(hits("entity not found"), 1, "{found:#?}");
}

#[test]
fn documents_that_do_not_fit_each_other_are_told() {
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    let text = fs::read_to_string(layout.blob_file(image["digest"].as_str().unwrap())).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar".into();
    manifest["layers"][1]["size"] = 1.into();
    let layers = manifest["layers"].as_array_mut().unwrap();
    layers.swap(1, 2);
    layers.pop();
    manifest["config"]["mediaType"] = "application/json".into();
    let mut image = layout.blob(
        crate::transport::support::OCI_MANIFEST,
        manifest.to_string().as_bytes(),
    );
    image["size"] = 12.into();
    layout.add(image, None);
    fs::write(layout.folder.path().join("oci-layout"), "{}").unwrap();
    let source = format!("oci:{}", layout.path());
    let output = minifier(layout.folder.path(), &["validate", &source]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(10), "{text}");
    for expected in [
        "oci-layout: its imageLayoutVersion is not 1.0.0",
        "index.json says 12",
        "says compression none, its bytes say gzip",
        "its diff ID is",
        "it has 3 diff IDs, the manifest 2 layers",
        "its media type \"application/json\" is not that of an image config",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn what_cannot_be_read_at_all_is_no_mismatch() {
    let folder = tempfile::tempdir().unwrap();
    for (source, code, message) in [
        ("oci:nothing", 3, "No such file"),
        ("docker-archive:nothing", 3, "No such file"),
        (
            "docker-archive:empty",
            9,
            "neither manifest.json nor index.json",
        ),
        ("docker-archive:text", 9, "in the middle of a header"),
    ] {
        fs::write(folder.path().join("empty"), [0; 1024]).unwrap();
        fs::write(folder.path().join("text"), "text").unwrap();
        let output = minifier(folder.path(), &["validate", source]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{source}: {stderr}");
        assert!(stderr.contains(message), "{source}: {stderr}");
        // Each cause once.
        assert_eq!(stderr.matches(message).count(), 1, "{stderr}");
    }
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, Some("app"));
    let source = format!("oci:{}:app", layout.path());
    assert!(done(folder.path(), &["validate", &source]).starts_with("good: sha256:"));
}
