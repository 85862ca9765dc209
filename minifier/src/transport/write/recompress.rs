//! [`recompress`]: the same image with its layers compressed in another way.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::blocks::LayerCompression;
use super::pool::Pool;
use crate::image::{Descriptor, DiffId, Digest, HashingReader, Manifest, Sha256, media_type};
use crate::rootfs::tar::Compression;
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::layers::LayerReader;
use crate::transport::limits::{LayerBudget, Limits};
use crate::transport::parallel::{for_each, processors};
use crate::transport::read::{FileBlobs, SharedRange, layer_type, scratch_error};
use crate::transport::stored::StoredImage;

/// How much is written at a time.
const CHUNK: usize = 256 << 10;

/// Layers that are read and written at once if one pool compresses them all: while one waits for the disk, the other
/// keeps the threads busy.
const LAYERS_AT_ONCE: usize = 2;

/// How to compress the layers of an image, and where their new blobs go.
pub(crate) struct Recompression<'a> {
    pub(crate) compression: LayerCompression,
    /// A folder for unnamed files.
    pub(crate) scratch: &'a Path,
    pub(crate) limits: Limits,
    pub(crate) control: &'a Control,
}

impl Recompression<'_> {
    /// Compresses every layer that is not compressed so already, on all processors; diff IDs are checked on the way. If
    /// nothing has to be done, the image is the same, manifest and all; otherwise its manifest is a new OCI one with
    /// the old annotations. Blocks.
    pub(crate) fn apply(&self, stored: &StoredImage) -> Result<StoredImage, TransportError> {
        let &Self {
            compression,
            scratch,
            limits,
            control,
        } = self;
        let threads = processors();
        stored.check_layer_count()?;
        let mut others: BTreeMap<Digest, (&Descriptor, DiffId)> = BTreeMap::new();
        let layers = stored.manifest.layers();
        for (layer, &diff_id) in layers.iter().zip(stored.config.diff_ids()) {
            let kind = stored.compression(layer, control)?;
            if kind != compression.kind() {
                others.insert(layer.digest, (layer, diff_id));
            } else if kind == Compression::None {
                // The blob's digest is checked when it is written, and an uncompressed layer's diff ID is that digest.
                let found = layer.digest.to_string().parse();
                stored.check_diff_id(layer, diff_id, found.unwrap_or(diff_id))?;
            }
        }
        if others.is_empty() {
            return Ok(stored.clone());
        }
        let budget = LayerBudget::new(limits);
        let others: Vec<(&Descriptor, DiffId)> = others.into_values().collect();
        let work = RecompressWork {
            stored,
            compression,
            scratch,
            budget: &budget,
            control,
        };
        let made = match compression.kind() {
            // A gzip stream cannot be decompressed from its middle, so whole layers run side by side.
            Compression::None => for_each(&others, threads, |&(layer, diff_id)| {
                work.layer(layer, diff_id, |input, output| {
                    io::copy(input, output).map(drop)
                })
            })?,
            _ => std::thread::scope(|scope| {
                let pool = Pool::start(scope, threads);
                for_each(&others, LAYERS_AT_ONCE, |&(layer, diff_id)| {
                    work.layer(layer, diff_id, |input, output| {
                        pool.compress(compression, input, output)
                    })
                })
            })?,
        };
        let mut blobs = FileBlobs {
            others: Some(stored.blobs.clone()),
            ..FileBlobs::default()
        };
        let mut new: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        for ((old, _), (descriptor, file)) in others.iter().zip(made) {
            // The same file twice: as a range for readers, and as a file that can be linked into a layout.
            let unnamed = file.try_clone().map_err(|e| scratch_error(scratch, e))?;
            blobs.unnamed.insert(descriptor.digest, unnamed);
            let range = SharedRange {
                file: Arc::new(file),
                at: 0,
                len: descriptor.size,
            };
            blobs.ranges.insert(descriptor.digest, range);
            new.insert(old.digest, descriptor);
        }
        let layers = layers
            .iter()
            .map(|layer| match new.get(&layer.digest) {
                Some(new) => new.clone(),
                None => oci_layer(layer, compression.kind()),
            })
            .collect();
        // The manifest is new anyway, so it is OCI's; the config's bytes, and with them the image ID, stay.
        let mut config = stored.manifest.config().clone();
        config.media_type = media_type::OCI_CONFIG.to_owned();
        let annotations = stored.manifest.annotations().clone();
        Ok(StoredImage {
            manifest: Manifest::new(config, layers, annotations),
            blobs: Arc::new(blobs),
            ..stored.clone()
        })
    }
}

/// A layer that is kept beside new ones gets OCI's type for its compression.
fn oci_layer(layer: &Descriptor, compression: Compression) -> Descriptor {
    Descriptor {
        media_type: layer_type(compression),
        ..layer.clone()
    }
}

struct RecompressWork<'a> {
    stored: &'a StoredImage,
    compression: LayerCompression,
    scratch: &'a Path,
    budget: &'a LayerBudget,
    control: &'a Control,
}

impl RecompressWork<'_> {
    /// Writes one layer through `encode` to a file.
    fn layer(
        &self,
        layer: &Descriptor,
        diff_id: DiffId,
        encode: impl Fn(&mut dyn Read, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(Descriptor, File), TransportError> {
        let scratch = |source| scratch_error(self.scratch, source);
        let reader = LayerReader::open(self.stored, layer, self.budget, self.control)?;
        let mut reader = HashingReader::new(reader);
        let file = tempfile::tempfile_in(self.scratch).map_err(scratch)?;
        let mut out = HashedFile {
            file: BufWriter::with_capacity(CHUNK, file),
            hash: Sha256::default(),
            written: 0,
            failure: None,
        };
        let encoded = encode(&mut reader, &mut out).and_then(|()| out.flush());
        // A full disk must not be reported as a broken layer.
        if let Some(failure) = out.failure {
            return Err(scratch(failure));
        }
        encoded.map_err(|source| self.stored.layer_error(layer, source))?;
        let (hash, _) = reader.finish();
        self.stored
            .check_diff_id(layer, diff_id, DiffId::from_bytes(hash))?;
        let file = out
            .file
            .into_inner()
            .map_err(|error| scratch(error.into_error()))?;
        let digest = Digest::from_bytes(out.hash.finish());
        let media_type = layer_type(self.compression.kind());
        Ok((Descriptor::new(media_type, digest, out.written), file))
    }
}

/// Hashes and counts what is written, and keeps the file's errors apart from the layer's.
struct HashedFile {
    file: BufWriter<File>,
    hash: Sha256,
    written: u64,
    failure: Option<io::Error>,
}

impl HashedFile {
    fn keep<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let copy = io::Error::new(error.kind(), error.to_string());
            self.failure.get_or_insert(error);
            copy
        })
    }
}

impl Write for HashedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.file.write_all(buf);
        self.keep(result)?;
        self.hash.update(buf);
        self.written += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.file.flush();
        self.keep(result)
    }
}
