//! Images in memory and in OCI layouts, as the transports give them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use minifier::image::{Descriptor, DiffId, Digest, ImageConfig, ImageIndex, Manifest, media_type};
use minifier::transport::registry::{CredentialFiles, RegistryOptions};
use minifier::transport::{BlobStore, StoredImage, TransportError};

/// Blobs in memory.
#[derive(Default, Clone)]
pub struct MemoryBlobs {
    /// By digest; a blob that is not what its digest says is a test's choice.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// Where they come from.
    pub repository: Option<(String, String)>,
}

impl BlobStore for MemoryBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        match self.blobs.get(&blob.digest) {
            Some(bytes) => Ok(Box::new(bytes.as_slice())),
            None => Err(missing(blob, io::ErrorKind::NotFound.into())),
        }
    }

    fn repository(&self) -> Option<(&str, &str)> {
        let (registry, repository) = self.repository.as_ref()?;
        Some((registry, repository))
    }
}

struct LayoutBlobs(PathBuf);

impl BlobStore for LayoutBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        let path = self.0.join("blobs/sha256").join(blob.digest.to_hex());
        match fs::File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(missing(blob, error)),
        }
    }
}

fn missing(blob: &Descriptor, source: io::Error) -> TransportError {
    TransportError::Io {
        doing: format!("open blob {}", blob.digest),
        source,
    }
}

/// Bytes that do not repeat, other ones for each `seed`.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // Knuth's linear congruential generator; its upper half is good enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 32).to_le_bytes()[..4]);
    }
    bytes.truncate(length);
    bytes
}

/// An image of these layers.
pub fn stored(layers: &[Vec<u8>]) -> (StoredImage, MemoryBlobs) {
    let diff_ids: Vec<DiffId> = layers.iter().map(|layer| DiffId::of(layer)).collect();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {"Cmd": ["/file"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = serde_json::to_vec(&config).unwrap();
    let describe = |media_type: &str, bytes: &[u8]| {
        Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
    };
    let manifest = Manifest::new(
        describe(media_type::OCI_CONFIG, &config),
        layers
            .iter()
            .map(|layer| describe(media_type::OCI_LAYER, layer))
            .collect(),
        BTreeMap::new(),
    );
    let blobs = layers.iter().chain([&config]);
    let blobs = MemoryBlobs {
        blobs: blobs.map(|blob| (Digest::of(blob), blob.clone())).collect(),
        repository: None,
    };
    let image = StoredImage {
        reference: "memory".into(),
        names: Vec::new(),
        manifest,
        config: ImageConfig::parse(&config).unwrap(),
        blobs: Arc::new(blobs.clone()),
        notes: Vec::new(),
    };
    (image, blobs)
}

/// The only image of an OCI layout.
pub fn layout(folder: &Path) -> StoredImage {
    let blob = |digest: Digest| {
        fs::read(folder.join("blobs/sha256").join(digest.to_hex())).expect("a blob reads")
    };
    let index = fs::read(folder.join("index.json")).expect("the layout has an index");
    let index = ImageIndex::parse(&index).unwrap();
    let entry = &index.manifests[0];
    let manifest = Manifest::parse(blob(entry.digest), &entry.media_type).unwrap();
    StoredImage {
        reference: folder.display().to_string(),
        names: Vec::new(),
        config: ImageConfig::parse(&blob(manifest.config().digest)).unwrap(),
        manifest,
        blobs: Arc::new(LayoutBlobs(folder.to_owned())),
        notes: Vec::new(),
    }
}

/// Digest and length of every blob, all of them read and compared with their descriptors. Must not be called inside a
/// tokio runtime.
pub fn blobs_of(image: &StoredImage) -> io::Result<Vec<(Digest, u64)>> {
    let manifest = &image.manifest;
    let mut found = Vec::new();
    for blob in manifest.layers().iter().chain([manifest.config()]) {
        let mut reader = image.open(blob).map_err(io::Error::other)?;
        let length = io::copy(&mut reader, &mut io::sink())?;
        found.push((blob.digest, length));
    }
    Ok(found)
}

/// Options that look at nothing of this host, and do not wait long.
pub fn options() -> RegistryOptions {
    RegistryOptions {
        credentials: CredentialFiles::new(Vec::new()),
        certificates: Vec::new(),
        stall: Duration::from_secs(10),
        ..RegistryOptions::from_env()
    }
}
