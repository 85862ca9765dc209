//! Images made by hand, so that what is read is not what the program itself has written.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use minifier::image::{DiffId, Digest};
use minifier::transport::{Control, Limits, Location, OpenOptions, StoredImage, TransportError};
use minifier_tests::Minifier;
use minifier_tests::command::output;
use minifier_tests::transport::append;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

pub(crate) fn location(text: &str) -> Location {
    text.parse().unwrap()
}

pub(crate) fn options() -> OpenOptions {
    OpenOptions {
        platform: None,
        scratch: std::env::temp_dir(),
        limits: Limits::default(),
        registry: minifier::transport::registry::RegistryOptions::from_env(),
        control: Control::none(),
    }
}

pub(crate) async fn open(text: &str) -> Result<StoredImage, TransportError> {
    minifier::transport::open_image(&location(text), &options()).await
}

pub(crate) async fn open_error(text: &str) -> String {
    match open(text).await {
        Ok(_) => panic!("{text} was read"),
        Err(error) => error.to_string(),
    }
}

/// A control that cancels itself after so many bytes.
pub(crate) fn stopping_after(bytes: u64) -> Control {
    let token = tokio_util::sync::CancellationToken::new();
    let cancel = token.clone();
    let progress = move |done| {
        if done > bytes {
            cancel.cancel();
        }
    };
    Control::new(token, Arc::new(progress))
}

/// Runs the program; gives what it did.
pub(crate) fn minifier(folder: &Path, args: &[&str]) -> Output {
    let program = Minifier::find().unwrap();
    output(program.command(folder).args(args).current_dir(folder))
}

/// Runs the program, which must succeed; gives what it printed.
#[track_caller]
pub(crate) fn done(folder: &Path, args: &[&str]) -> String {
    let output = minifier(folder, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Another tool, which must succeed.
#[track_caller]
pub(crate) fn tool(folder: &Path, name: &str, args: &[&str]) -> String {
    let stdout = minifier_tests::command::run(Command::new(name).args(args).current_dir(folder));
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer with one file.
pub(crate) fn layer(name: &str, body: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    append(&mut builder, name, body);
    builder.into_inner().unwrap()
}

/// Bytes that do not compress to nothing.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let step = |state: &mut u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (*state >> 58) as u8 + b'!'
    };
    (0..len).map(|_| step(&mut state)).collect()
}

/// An OCI layout under construction.
pub(crate) struct Layout {
    pub(crate) folder: TempDir,
    manifests: Vec<Value>,
}

impl Layout {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        let layout = Self {
            folder,
            manifests: Vec::new(),
        };
        layout.index();
        layout
    }

    pub(crate) fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub(crate) fn blob_file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.folder.path().join("blobs/sha256").join(hex)
    }

    pub(crate) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        fs::write(self.blob_file(&digest.to_string()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn index(&self) {
        let index =
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": self.manifests});
        fs::write(self.folder.path().join("index.json"), index.to_string()).unwrap();
    }

    /// Puts a descriptor into `index.json`.
    pub(crate) fn add(&mut self, mut descriptor: Value, tag: Option<&str>) -> Value {
        if let Some(tag) = tag {
            descriptor["annotations"] = json!({REF_NAME: tag});
        }
        self.manifests.push(descriptor.clone());
        self.index();
        descriptor
    }

    /// The manifest of an image with these layers: media type and stored bytes, and the tar that they hold.
    pub(crate) fn image(&self, architecture: &str, layers: &[(&str, Vec<u8>, Vec<u8>)]) -> Value {
        let diff_ids: Vec<DiffId> = layers.iter().map(|(_, _, tar)| DiffId::of(tar)).collect();
        let config = json!({
            "os": "linux", "architecture": architecture, "config": {"Cmd": ["/file"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": vec![json!({"created_by": "test"}); layers.len()],
        });
        let config = self.blob(OCI_CONFIG, config.to_string().as_bytes());
        let layers: Vec<Value> = layers
            .iter()
            .map(|(media_type, stored, _)| self.blob(media_type, stored))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
            "annotations": {"org.example": "kept"},
        });
        let text = serde_json::to_string_pretty(&manifest).unwrap();
        self.blob(OCI_MANIFEST, text.as_bytes())
    }

    /// An image of one gzip layer, one zstd layer and one that is not compressed.
    pub(crate) fn mixed(&self, architecture: &str) -> Value {
        let [a, b, c] = [
            layer("a", &noise(100_000)),
            layer("b", &noise(50_000)),
            layer("c", b"c"),
        ];
        let zstd = zstd::encode_all(&b[..], 3).unwrap();
        let (gzip_type, zstd_type) = (format!("{OCI_LAYER}+gzip"), format!("{OCI_LAYER}+zstd"));
        self.image(
            architecture,
            &[
                (&gzip_type, gzip(&a), a),
                (&zstd_type, zstd, b),
                (OCI_LAYER, c.clone(), c),
            ],
        )
    }
}
