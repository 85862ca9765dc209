//! Writes an image as one tar that is a docker-archive and an OCI layout at once: Docker from 20.10 on, containerd,
//! podman, skopeo and umoci all read it.
//!
//! Takes a [`Bundle`] and the tags; gives a stream that depends on nothing else, with sorted entries. The layers
//! are not compressed, so that the digest of each blob is the layer's diff ID.
//!
//! Source: OCI image spec, `image-layout.md` and `manifest.md`; Docker Image Specification v1.2 ("Combined Image
//! JSON + Filesystem Changeset Format") for `manifest.json`; containerd's `io.containerd.image.name` annotation.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::image::{Bundle, Digest, HashingReader, LayerFile, TaggedName};

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// Called with the bytes written so far, often; `Break` ends the writing with [`WriteError::Cancelled`].
pub type Watch<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A layer's file cannot be read.
    #[error("read the layer {}: {source}", path.display())]
    ReadLayer {
        /// The file.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// A layer's file is not what it was when it was hashed.
    #[error("read the layer {}: its content changed since it was written", path.display())]
    ChangedLayer {
        /// The file.
        path: PathBuf,
    },
    /// The receiver of the stream failed.
    #[error("write the archive: {0}")]
    Write(#[source] io::Error),
    /// The file or its folder failed.
    #[error("write the archive {}: {source}", path.display())]
    File {
        /// The archive.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// The watcher said so.
    #[error("write the archive: cancelled")]
    Cancelled,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveInfo {
    /// Digest of the config: Docker's image ID.
    pub image_id: Digest,
    /// Digest of the OCI manifest.
    pub manifest: Digest,
    /// Digest of `index.json`, which depends on the tags.
    pub index: Digest,
    /// Length of the archive in bytes.
    pub size: u64,
}

/// One blob under `blobs/sha256`.
enum Blob<'a> {
    Bytes(Vec<u8>),
    Layer(&'a LayerFile),
}

/// Writes the archive to `out`. `mtime` is the time of its entries, seconds since the epoch (`SOURCE_DATE_EPOCH`
/// or 0); layers keep the times inside them. Blocks; memory does not depend on the size of the layers.
pub fn write_archive(
    bundle: &Bundle,
    tags: &[TaggedName],
    mtime: u64,
    out: impl Write,
    watch: Watch<'_>,
) -> Result<ArchiveInfo, WriteError> {
    let config = bundle.config.to_bytes();
    let image_id = Digest::of(&config);
    let manifest_bytes = to_json(&manifest(bundle, image_id, config.len()));
    let manifest = Digest::of(&manifest_bytes);
    let index_bytes = to_json(&index(bundle, manifest, manifest_bytes.len(), tags));
    let index = Digest::of(&index_bytes);

    let mut blobs = BTreeMap::from([
        (blob_path(&image_id.to_hex()), Blob::Bytes(config)),
        (blob_path(&manifest.to_hex()), Blob::Bytes(manifest_bytes)),
    ]);
    for layer in &bundle.layers {
        blobs.insert(blob_path(&layer.diff_id.to_hex()), Blob::Layer(layer));
    }

    let mut archive = Archive {
        out,
        mtime,
        written: 0,
        watch,
    };
    archive.directory("blobs/")?;
    archive.directory("blobs/sha256/")?;
    for (path, blob) in &blobs {
        match blob {
            Blob::Bytes(bytes) => archive.bytes(path, bytes)?,
            Blob::Layer(layer) => archive.layer(path, layer)?,
        }
    }
    archive.bytes("index.json", &index_bytes)?;
    archive.bytes(
        "manifest.json",
        &to_json(&docker_manifest(bundle, image_id, tags)),
    )?;
    archive.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.put(&[0; 1024])?;
    archive.out.flush().map_err(WriteError::Write)?;
    Ok(ArchiveInfo {
        image_id,
        manifest,
        index,
        size: archive.written,
    })
}

fn blob_path(hex: &str) -> String {
    format!("blobs/sha256/{hex}")
}

fn to_json(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn manifest(bundle: &Bundle, image_id: Digest, config_size: usize) -> Value {
    let layers: Vec<Value> = bundle
        .layers
        .iter()
        .map(|layer| json!({"mediaType": LAYER_TYPE, "digest": layer.diff_id, "size": layer.size}))
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": image_id, "size": config_size},
        "layers": layers,
    })
}

/// One descriptor per tag, as containerd and Docker write it; without tags one that has no name.
fn index(bundle: &Bundle, manifest: Digest, size: usize, tags: &[TaggedName]) -> Value {
    let descriptor = json!({
        "mediaType": MANIFEST_TYPE,
        "digest": manifest,
        "size": size,
        "platform": bundle.config.platform(),
    });
    let mut manifests: Vec<Value> = tags
        .iter()
        .map(|tag| {
            let mut named = descriptor.clone();
            named["annotations"] = json!({
                "io.containerd.image.name": tag.full(),
                "org.opencontainers.image.ref.name": tag.tag(),
            });
            named
        })
        .collect();
    if manifests.is_empty() {
        manifests.push(descriptor);
    }
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
}

fn docker_manifest(bundle: &Bundle, image_id: Digest, tags: &[TaggedName]) -> Value {
    let tags: Vec<&str> = tags.iter().map(TaggedName::familiar).collect();
    let layers: Vec<String> = bundle
        .layers
        .iter()
        .map(|layer| blob_path(&layer.diff_id.to_hex()))
        .collect();
    json!([{
        "Config": blob_path(&image_id.to_hex()),
        "RepoTags": tags,
        "Layers": layers,
    }])
}

struct Archive<'a, W> {
    out: W,
    mtime: u64,
    written: u64,
    watch: Watch<'a>,
}

impl<W: Write> Archive<'_, W> {
    fn directory(&mut self, path: &str) -> Result<(), WriteError> {
        self.header(path, tar::EntryType::Directory, 0o755, 0)
    }

    fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.header(path, tar::EntryType::Regular, 0o644, bytes.len() as u64)?;
        self.put(bytes)?;
        self.pad(bytes.len() as u64)
    }

    fn layer(&mut self, path: &str, layer: &LayerFile) -> Result<(), WriteError> {
        self.header(path, tar::EntryType::Regular, 0o644, layer.size)?;
        let read_error = |source| WriteError::ReadLayer {
            path: layer.path.clone(),
            source,
        };
        let file = File::open(&layer.path).map_err(read_error)?;
        // One byte more than there should be, to notice a longer file.
        let mut reader = HashingReader::new(file.take(layer.size + 1));
        let mut buffer = vec![0; 256 * 1024];
        let mut copied = 0;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(read_error(e)),
            };
            copied += n as u64;
            if copied > layer.size {
                break;
            }
            self.put(&buffer[..n])?;
        }
        if (crate::image::DiffId::from_bytes(reader.finish().0), copied)
            != (layer.diff_id, layer.size)
        {
            return Err(WriteError::ChangedLayer {
                path: layer.path.clone(),
            });
        }
        self.pad(layer.size)
    }

    fn header(
        &mut self,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        size: u64,
    ) -> Result<(), WriteError> {
        // The GNU form has room for sizes above 8 GiB without a second header.
        let mut header = tar::Header::new_gnu();
        header.set_path(path).map_err(WriteError::Write)?;
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.mtime);
        header.set_size(size);
        header.set_cksum();
        self.put(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> Result<(), WriteError> {
        let padding = size.next_multiple_of(512) - size;
        self.put(&[0; 512][..padding as usize])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.out.write_all(bytes).map_err(WriteError::Write)?;
        self.written += bytes.len() as u64;
        match (self.watch)(self.written) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(WriteError::Cancelled),
        }
    }
}
