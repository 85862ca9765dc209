//! Writes an image as one tar: an OCI layout, or one that is a docker-archive too, which Docker from 20.10 on,
//! containerd, podman, skopeo and umoci all read.
//!
//! Takes the image and its names; gives a stream that depends on nothing else, with sorted entries. In a
//! docker-archive layers are not compressed, so that the digest of each blob is the layer's diff ID.
//!
//! Source: OCI image spec, `image-layout.md` and `manifest.md`; Docker Image Specification v1.2 ("Combined Image
//! JSON + Filesystem Changeset Format") for `manifest.json`.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::bundle::{changed, plain};
use super::error::WriteError;
use super::oci::{LAYOUT, LayoutName, descriptors, index, oci_manifest};
use super::options::{WriteOptions, Written};
use crate::image::{Bundle, Descriptor, Digest, TaggedName};
use crate::rootfs::tar::{BLOCK, EntryShape, encode_header};
use crate::rootfs::{Metadata, Mtime};
use crate::transport::error::TransportError;
use crate::transport::stored::StoredImage;

/// Called with the bytes written so far, often; `Break` ends the writing with [`WriteError::Cancelled`].
pub type ArchiveWatch<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// An archive that was written.
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

/// The differences between the archives that can be made of one image.
pub(crate) struct ArchiveForm<'a> {
    /// The names in `index.json`.
    pub(crate) names: &'a [LayoutName],
    /// The names in `manifest.json` if the OCI layout is also a docker-archive, in which no layer may be compressed.
    pub(crate) docker: Option<&'a [TaggedName]>,
    /// Modification time of the entries, seconds since the epoch.
    pub(crate) mtime: u64,
}

/// One blob under `blobs/sha256`.
enum ArchiveBlob<'a> {
    Bytes(Vec<u8>),
    Layer(&'a Descriptor),
}

/// Writes the archive of a bundle to `out`, as docker-archive and OCI layout. `mtime` is the time of its entries,
/// seconds since the epoch (`SOURCE_DATE_EPOCH` or 0); layers keep the times inside them. Blocks; memory does not
/// depend on the size of the layers.
pub fn write_archive(
    bundle: &Bundle,
    tags: &[TaggedName],
    mtime: u64,
    out: impl Write,
    watch: ArchiveWatch<'_>,
) -> Result<ArchiveInfo, TransportError> {
    let stored = plain(bundle, BTreeMap::new());
    let names: Vec<LayoutName> = tags.iter().map(LayoutName::from_name).collect();
    let form = ArchiveForm {
        names: &names,
        docker: Some(tags),
        mtime,
    };
    write_stored(&stored, &form, out, watch).map_err(|error| of_file(error, bundle))
}

/// Names the file of a layer that cannot be read.
fn of_file(error: TransportError, bundle: &Bundle) -> TransportError {
    let TransportError::Layer { layer, source, .. } = error else {
        return error;
    };
    let mut layers = bundle.layers.iter();
    let file = layers.find(|file| Digest::from(file.diff_id) == layer);
    let error = match file.map(|file| file.path.clone()) {
        Some(path) if changed(&source) => WriteError::ChangedLayer { path },
        Some(path) => WriteError::ReadLayer { path, source },
        None => WriteError::Write(source),
    };
    error.into()
}

/// Writes a docker-archive that is an OCI layout too, with progress to the options' control.
pub(crate) fn docker_archive(
    image: &StoredImage,
    tags: &[TaggedName],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> Result<ArchiveInfo, TransportError> {
    let names: Vec<LayoutName> = tags.iter().map(LayoutName::from_name).collect();
    let form = ArchiveForm {
        names: &names,
        docker: Some(tags),
        mtime: options.mtime,
    };
    watched(image, &form, options, out)
}

/// Writes an OCI layout as an archive, with progress to the options' control.
pub(crate) fn oci_archive(
    image: &StoredImage,
    names: &[LayoutName],
    options: &WriteOptions,
    out: &mut dyn Write,
) -> Result<ArchiveInfo, TransportError> {
    let form = ArchiveForm {
        names,
        docker: None,
        mtime: options.mtime,
    };
    watched(image, &form, options, out)
}

fn watched(
    image: &StoredImage,
    form: &ArchiveForm<'_>,
    options: &WriteOptions,
    out: &mut dyn Write,
) -> Result<ArchiveInfo, TransportError> {
    let mut before = 0;
    let mut watch = |written| {
        let result = options.control.advance(written - before);
        before = written;
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    write_stored(image, form, out, &mut watch)
}

fn write_stored(
    stored: &StoredImage,
    form: &ArchiveForm<'_>,
    out: impl Write,
    watch: ArchiveWatch<'_>,
) -> Result<ArchiveInfo, TransportError> {
    // Everything that the documents say is known before the first byte is written, so the archive can be a stream: a
    // pipe to `docker load` cannot be sought back in.
    let config = stored.config.to_bytes();
    let image_id = Digest::of(&config);
    let oci = oci_manifest(&stored.manifest);
    let manifest = oci.digest();
    let named = descriptors(&oci, &stored.config.platform(), form.names);
    let index_bytes = to_json(&index(&named));
    let index = Digest::of(&index_bytes);

    // Sorted by path: the order of a hash map would give other bytes each time. Two layers of the same bytes are one
    // blob.
    let mut blobs = BTreeMap::from([
        (blob_path(image_id), ArchiveBlob::Bytes(config)),
        (
            blob_path(manifest),
            ArchiveBlob::Bytes(oci.bytes().to_vec()),
        ),
    ]);
    for layer in oci.layers() {
        blobs.insert(blob_path(layer.digest), ArchiveBlob::Layer(layer));
    }

    let mut archive = ArchiveWriter {
        out,
        mtime: form.mtime,
        written: 0,
        watch,
    };
    // Folders come before their files: not every extractor creates parents.
    archive.directory("blobs/")?;
    archive.directory("blobs/sha256/")?;
    for (path, blob) in &blobs {
        match blob {
            ArchiveBlob::Bytes(bytes) => archive.bytes(path, bytes)?,
            ArchiveBlob::Layer(layer) => archive.layer(path, stored, layer)?,
        }
    }
    // One archive for all: containerd takes `index.json`, Docker's own store `manifest.json`.
    archive.bytes("index.json", &index_bytes)?;
    if let Some(tags) = form.docker {
        let manifest = docker_manifest(image_id, oci.layers(), tags);
        archive.bytes("manifest.json", &to_json(&manifest))?;
    }
    archive.bytes("oci-layout", LAYOUT)?;
    // Two empty blocks end a tar (POSIX, pax). No padding to 10 KiB records: only tapes need that.
    archive.put(&[0; 1024])?;
    archive.out.flush().map_err(WriteError::Write)?;
    Ok(ArchiveInfo {
        image_id,
        manifest,
        index,
        size: archive.written,
    })
}

fn blob_path(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.to_hex())
}

fn to_json(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn docker_manifest(image_id: Digest, layers: &[Descriptor], tags: &[TaggedName]) -> Value {
    // Without the default registry, as `docker save` writes them.
    let tags: Vec<&str> = tags.iter().map(TaggedName::familiar).collect();
    let layers: Vec<String> = layers.iter().map(|layer| blob_path(layer.digest)).collect();
    json!([{
        "Config": blob_path(image_id),
        "RepoTags": tags,
        "Layers": layers,
    }])
}

struct ArchiveWriter<'a, W> {
    out: W,
    mtime: u64,
    written: u64,
    watch: ArchiveWatch<'a>,
}

impl From<ArchiveInfo> for Written {
    fn from(info: ArchiveInfo) -> Self {
        Self {
            manifest: info.manifest,
            image_id: info.image_id,
            bytes: info.size,
            notes: Vec::new(),
        }
    }
}

impl<W: Write> ArchiveWriter<'_, W> {
    fn directory(&mut self, path: &str) -> Result<(), TransportError> {
        self.header(path, EntryShape::Directory, 0o755)
    }

    fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), TransportError> {
        let size = bytes.len() as u64;
        self.header(path, EntryShape::File { size }, 0o644)?;
        self.put(bytes)?;
        self.pad(size)
    }

    fn layer(
        &mut self,
        path: &str,
        stored: &StoredImage,
        layer: &Descriptor,
    ) -> Result<(), TransportError> {
        self.header(path, EntryShape::File { size: layer.size }, 0o644)?;
        let read_error = |source| stored.layer_error(layer, source);
        // A file that is gone and one that cannot be read are the same to the user: the layer is named for both.
        let mut reader = stored.open(layer).map_err(|error| match error {
            TransportError::Io { source, .. } => read_error(source),
            error => error,
        })?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => self.put(&buffer[..n])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The header with the announced size is written already. Padding it out would give a whole archive with
                // a wrong layer, so the stream ends here.
                Err(e) => return Err(read_error(e)),
            }
        }
        self.pad(layer.size)
    }

    fn header(
        &mut self,
        path: &str,
        shape: EntryShape<'_>,
        mode: u32,
    ) -> Result<(), TransportError> {
        // Owner and time are fixed, so that the same image gives the same bytes on every machine.
        let meta = Metadata {
            mode,
            ..Metadata::default()
        };
        let mtime = Mtime {
            secs: i64::try_from(self.mtime).unwrap_or(i64::MAX),
            nanos: 0,
        };
        let header = encode_header(path.as_bytes(), shape, &meta, mtime)
            .unwrap_or_else(|e| unreachable!("files and directories have headers: {e}"));
        self.put(&header)
    }

    fn pad(&mut self, size: u64) -> Result<(), TransportError> {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.put(&[0; BLOCK][..padding as usize])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        self.out.write_all(bytes).map_err(WriteError::Write)?;
        self.written += bytes.len() as u64;
        // For every chunk: a layer of gigabytes must not delay Ctrl-C.
        match (self.watch)(self.written) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(WriteError::Cancelled.into()),
        }
    }
}
