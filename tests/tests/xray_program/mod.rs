//! `minify xray` as people run it, against other tools and with images that are made to break it.

mod auditable;
mod dive;
mod ignore;
mod layer;
mod listing;
mod rpm;

use std::path::Path;

use minifier_tests::Minifier;
use serde_json::Value;

/// `minify xray --output json` of an archive.
fn xray(archive: &Path) -> Value {
    let minifier = Minifier::find().expect("the program is there");
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = minifier.command(folder.path());
    command
        .args(["xray", "--quiet", "--output", "json", "--target"])
        .arg(format!("docker-archive:{}", archive.display()));
    let out = command.output().expect("it runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).expect("it is JSON")
}

/// A docker-archive of these layers, uncompressed or compressed with gzip; the diff IDs are those of `diff_ids`.
fn archive(folder: &Path, layers: &[Vec<u8>], diff_ids: &[String]) -> std::path::PathBuf {
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": diff_ids.iter().map(|_| serde_json::json!({"created_by": "COPY"})).collect::<Vec<_>>(),
    })
    .to_string();
    let config_digest = minifier::image::Digest::of(config.as_bytes()).to_hex();
    let names: Vec<String> = (0..layers.len())
        .map(|i| format!("{i}/layer.tar"))
        .collect();
    let manifest = serde_json::json!([{
        "Config": format!("{config_digest}.json"),
        "RepoTags": ["made:latest"],
        "Layers": names,
    }]);
    let path = folder.join("image.tar");
    let file = std::fs::File::create(&path).expect("a file");
    let mut tar = tar::Builder::new(file);
    let mut add =
        |name: &str, bytes: &[u8]| minifier_tests::transport::append(&mut tar, name, bytes);
    for (name, layer) in names.iter().zip(layers) {
        add(name, layer);
    }
    add(&format!("{config_digest}.json"), config.as_bytes());
    add("manifest.json", manifest.to_string().as_bytes());
    tar.finish().expect("it is written");
    path
}

/// A layer of these files.
fn layer(files: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        minifier_tests::transport::append(&mut tar, name, bytes);
    }
    let bytes = tar.into_inner().expect("it is written");
    let diff_id = format!("sha256:{}", minifier::image::Digest::of(&bytes).to_hex());
    (bytes, diff_id)
}
