//! [`LayerReader`]: an uncompressed layer of a stored image, whose blob is verified as it is read.

use std::io::{self, BufRead, BufReader, Read};

use super::control::{Control, Stoppable, Watched};
use super::error::TransportError;
use super::limits::{BoundedLayer, LayerBudget};
use super::select::LayoutError;
use super::stored::{StoredImage, VerifiedReader};
use crate::image::{Descriptor, DiffId};
use crate::rootfs::tar::{Compression, TarError, decompress};

/// Size of the reads from a blob.
const CHUNK: usize = 256 << 10;

/// A layer's uncompressed tar. Its last read fails if the blob is not what its descriptor says.
pub(crate) struct LayerReader<'a> {
    compression: Compression,
    plain: Stoppable<BoundedLayer<Box<dyn Read + Send + 'a>>>,
}

impl<'a> LayerReader<'a> {
    /// Opens a layer; its first bytes decide how it is compressed.
    pub(crate) fn open(
        stored: &'a StoredImage,
        layer: &Descriptor,
        budget: &LayerBudget,
        control: &Control,
    ) -> Result<Self, TransportError> {
        let (compression, blob) = open_blob(stored, layer, control)?;
        // The entries of a layer may take memory in proportion to its stored bytes.
        let blob = budget.index().fed_by(blob, compression);
        let plain = decompress(blob, compression).map_err(|e| stored.layer_error(layer, e))?;
        let bounded = budget.bound(plain, layer.size);
        Ok(Self {
            compression,
            plain: Stoppable::new(bounded, control),
        })
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }
}

impl Read for LayerReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.plain.read(buf)
    }
}

type LayerBlob<'a> = BufReader<Watched<VerifiedReader<'a>>>;

/// Opens the blob of a layer and looks at its first bytes.
fn open_blob<'a>(
    stored: &'a StoredImage,
    layer: &Descriptor,
    control: &Control,
) -> Result<(Compression, LayerBlob<'a>), TransportError> {
    let blob = Watched::new(stored.open(layer)?, control);
    let mut blob = BufReader::with_capacity(CHUNK, blob);
    let compression = blob
        .fill_buf()
        .and_then(|head| Compression::detect(head).map_err(io::Error::other))
        .map_err(|e| stored.layer_error(layer, e))?;
    Ok((compression, blob))
}

/// The compression in the media type of a layer. The bytes can differ.
pub(crate) fn said_compression(media_type: &str) -> Compression {
    match media_type.rsplit_once(['+', '.']) {
        Some((_, "gzip")) => Compression::Gzip,
        Some((_, "zstd")) => Compression::Zstd,
        _ => Compression::None,
    }
}

impl StoredImage {
    /// The compression of a layer's blob, from its first bytes.
    pub(crate) fn compression(
        &self,
        layer: &Descriptor,
        control: &Control,
    ) -> Result<Compression, TransportError> {
        open_blob(self, layer, control).map(|(compression, _)| compression)
    }

    pub(crate) fn layer_error(&self, layer: &Descriptor, source: io::Error) -> TransportError {
        TransportError::Layer {
            layer: layer.digest,
            location: self.reference.clone(),
            source,
        }
    }

    pub(crate) fn layer_tar_error(&self, layer: &Descriptor, source: TarError) -> TransportError {
        TransportError::LayerTar {
            layer: layer.digest,
            location: self.reference.clone(),
            source,
        }
    }

    pub(crate) fn check_diff_id(
        &self,
        layer: &Descriptor,
        expected: DiffId,
        found: DiffId,
    ) -> Result<(), TransportError> {
        if expected == found {
            return Ok(());
        }
        Err(TransportError::DiffId {
            layer: layer.digest,
            location: self.reference.clone(),
            expected,
            found,
        })
    }

    /// Refuses an image whose config does not have one diff ID for each layer.
    pub(crate) fn check_layer_count(&self) -> Result<(), TransportError> {
        let (layers, diff_ids) = (self.manifest.layers().len(), self.config.diff_ids().len());
        if layers == diff_ids {
            return Ok(());
        }
        Err(TransportError::Layout {
            location: self.reference.clone(),
            source: Box::new(LayoutError::LayerCount {
                config: self.config.digest().to_string(),
                layers,
                diff_ids,
            }),
        })
    }
}
