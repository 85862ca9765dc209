//! Images in memory, for tests.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock};

use super::model::{TreeKind, Xray};
use super::{Analysis, XrayOptions, xray};
pub(crate) use crate::analyze::testing::zip;
use crate::image::{Descriptor, DiffId, Digest, ImageConfig, Manifest, media_type};
use crate::rootfs::FileRange;
use crate::transport::{BlobStore, Control, StoredImage, TransportError};

/// A time for certificates: 2027-01-01.
pub(crate) const NOW: i64 = 1_798_761_600;

struct MemoryBlobs(BTreeMap<Digest, Vec<u8>>);

impl BlobStore for MemoryBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        Ok(Box::new(self.0[&blob.digest].as_slice()))
    }
}

/// An image of these uncompressed layers; `config` has the fields of the config and of its `config`.
pub(crate) fn image(layers: &[Vec<u8>], config: serde_json::Value) -> StoredImage {
    let diff_ids: Vec<DiffId> = layers.iter().map(|tar| DiffId::of(tar)).collect();
    let mut all = serde_json::json!({
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    if let (Some(all), Some(more)) = (all.as_object_mut(), config.as_object()) {
        all.extend(more.clone());
    }
    let config = ImageConfig::parse(all.to_string().as_bytes()).unwrap();
    let mut blobs = BTreeMap::new();
    let mut descriptors = Vec::new();
    for tar in layers {
        let digest = Digest::of(tar);
        blobs.insert(digest, tar.clone());
        descriptors.push(Descriptor::new(
            media_type::OCI_LAYER,
            digest,
            tar.len() as u64,
        ));
    }
    let bytes = config.to_bytes();
    let descriptor = Descriptor::new(media_type::OCI_CONFIG, config.digest(), bytes.len() as u64);
    StoredImage {
        reference: "test:latest".into(),
        names: Vec::new(),
        manifest: Manifest::new(descriptor, descriptors, BTreeMap::new()),
        config,
        blobs: Arc::new(MemoryBlobs(blobs)),
        notes: Vec::new(),
    }
}

/// Analyses it, at [`NOW`].
pub(crate) fn analyse(image: &StoredImage) -> Analysis {
    let options = XrayOptions {
        now: jiff::Timestamp::from_second(NOW).unwrap(),
        ..XrayOptions::default()
    };
    xray(image, &options, &Control::none()).unwrap()
}

/// Number of visible files of the tree of all paths.
pub(crate) fn tree_files(xray: &Xray) -> u64 {
    let tree = &xray.contents.tree;
    let files =
        (0..tree.count() as u32).filter(|&node| matches!(tree.kind(node), TreeKind::File(_)));
    (files.count() - tree.hard_links.len()) as u64
}

/// Blobs of an OCI image layout.
struct LayoutBlobs(std::path::PathBuf);

impl LayoutBlobs {
    fn path(&self, digest: &Digest) -> std::path::PathBuf {
        self.0.join("blobs/sha256").join(digest.to_hex())
    }
}

impl BlobStore for LayoutBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        let path = self.path(&blob.digest);
        Ok(Box::new(
            std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        ))
    }

    fn range(&self, blob: &Descriptor) -> Option<FileRange<std::fs::File>> {
        Some(FileRange {
            file: std::fs::File::open(self.path(&blob.digest)).ok()?,
            at: 0,
            len: blob.size,
        })
    }
}

/// The image of an OCI image layout that has one.
pub(crate) fn layout(dir: &std::path::Path) -> StoredImage {
    let read = |path: std::path::PathBuf| {
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let index = crate::image::ImageIndex::parse(&read(dir.join("index.json"))).unwrap();
    let store = LayoutBlobs(dir.to_owned());
    let manifest = Manifest::parse(read(store.path(&index.manifests[0].digest)), "").unwrap();
    let config = ImageConfig::parse(&read(store.path(&manifest.config().digest))).unwrap();
    StoredImage {
        reference: dir.display().to_string(),
        names: Vec::new(),
        manifest,
        config,
        blobs: Arc::new(store),
        notes: Vec::new(),
    }
}

/// An image of the Docker daemon, copied into a layout that lives as long as the first of the pair.
pub(crate) fn docker_image(name: &str) -> (tempfile::TempDir, StoredImage) {
    let dir = tempfile::tempdir().unwrap();
    let to = format!("oci:{}:latest", dir.path().display());
    let from = format!("docker-daemon:{name}");
    let out = std::process::Command::new("skopeo")
        .args([
            "copy",
            "-q",
            "--dest-oci-accept-uncompressed-layers",
            &from,
            &to,
        ])
        .output()
        .unwrap_or_else(|e| panic!("run skopeo: {e}"));
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let image = layout(dir.path());
    (dir, image)
}

/// A fixture's image.
pub(crate) struct Fixture {
    /// Its name in the Docker daemon.
    pub(crate) image: String,
    /// Digest of its config, hexadecimal.
    pub(crate) id: String,
    pub(crate) analysis: Analysis,
}

/// A fixture's image, analysed once for all tests of a run.
pub(crate) fn fixture(name: &str) -> Arc<Fixture> {
    static DONE: Mutex<BTreeMap<String, Arc<OnceLock<Arc<Fixture>>>>> = Mutex::new(BTreeMap::new());
    let slot = DONE
        .lock()
        .unwrap()
        .entry(name.to_owned())
        .or_default()
        .clone();
    let make = || {
        let image = format!("minifier-fixture/{name}:latest");
        let (_dir, stored) = docker_image(&image);
        Arc::new(Fixture {
            image,
            id: stored.config.digest().to_hex(),
            analysis: analyse(&stored),
        })
    };
    slot.get_or_init(make).clone()
}

/// The output of a command in a container of an image, its lines sorted.
pub(crate) fn docker_run(image: &str, command: &[&str]) -> Vec<String> {
    let out = std::process::Command::new("/usr/bin/docker")
        .args([
            "run",
            "--rm",
            "--network=none",
            "--user=0",
            "--entrypoint",
            command[0],
            image,
        ])
        .args(&command[1..])
        .output()
        .unwrap_or_else(|e| panic!("run docker: {e}"));
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let mut lines: Vec<String> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}
