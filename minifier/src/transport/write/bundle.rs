//! A [`Bundle`], the rebuild's result, as a [`StoredImage`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::LayerCompression;
use super::recompress::Recompression;
use crate::image::{Bundle, Descriptor, Digest, Manifest, media_type};
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::limits::Limits;
use crate::transport::stored::{BlobStore, StoredImage};

/// The layers of a bundle, opened when they are read.
struct BundleBlobs {
    layers: BTreeMap<Digest, PathBuf>,
    config: Vec<u8>,
}

impl BlobStore for BundleBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        // A bundle has one other blob.
        let Some(path) = self.layers.get(&blob.digest) else {
            return Ok(Box::new(&self.config[..]));
        };
        let file = File::open(path).map_err(|source| TransportError::Io {
            doing: format!("read the layer {}", path.display()),
            source,
        })?;
        Ok(Box::new(file))
    }
}

/// The image with its layers as they are, uncompressed.
pub(crate) fn plain(bundle: &Bundle, annotations: BTreeMap<String, String>) -> StoredImage {
    let bytes = bundle.config.to_bytes();
    let config = Descriptor::new(
        media_type::OCI_CONFIG,
        bundle.config.digest(),
        bytes.len() as u64,
    );
    let layers = bundle
        .layers
        .iter()
        .map(|layer| Descriptor::new(media_type::OCI_LAYER, layer.diff_id.into(), layer.size));
    let paths = bundle.layers.iter();
    StoredImage {
        reference: "the new image".into(),
        names: Vec::new(),
        manifest: Manifest::new(config, layers.collect(), annotations),
        config: bundle.config.clone(),
        blobs: Arc::new(BundleBlobs {
            layers: paths
                .map(|layer| (layer.diff_id.into(), layer.path.clone()))
                .collect(),
            config: bytes,
        }),
        notes: Vec::new(),
    }
}

/// The image with its layers compressed, in unnamed files of the folder `scratch`, on all processors; the bytes depend
/// on `compression` only. `annotations` go into the manifest, see [`kept_annotations`](super::kept_annotations).
/// Uncompressed layers stay where they are. Blocks.
pub fn bundle_to_stored(
    bundle: &Bundle,
    annotations: BTreeMap<String, String>,
    compression: LayerCompression,
    scratch: &Path,
    control: &Control,
) -> Result<StoredImage, TransportError> {
    // The rebuild wrote these layers itself: no bomb can be in them, and an image of any size must come out.
    let limits = Limits {
        uncompressed: u64::MAX,
        ratio: None,
    };
    let recompression = Recompression {
        compression,
        scratch,
        limits,
        control,
    };
    recompression.apply(&plain(bundle, annotations))
}

/// Whether reading failed because the bytes do not match their descriptor.
pub(crate) fn changed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner
            .downcast_ref::<crate::transport::stored::BlobMismatch>()
            .is_some()
    })
}
