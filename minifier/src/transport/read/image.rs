//! [`Reading`]: from a choice among documents to a [`StoredImage`].

use std::io::{self, Read};
use std::sync::Arc;

use super::blobs::{FileBlobs, SharedRange};
use super::layout_dir::LayoutDir;
use super::tar_file::TarFile;
use crate::image::{Descriptor, DiffId, Digest, HashingReader, Manifest, media_type};
use crate::rootfs::ImagePath;
use crate::rootfs::tar::Compression;
use crate::transport::control::{Control, Watched};
use crate::transport::error::TransportError;
use crate::transport::parallel::{for_each, processors};
use crate::transport::select::{Choice, LayoutError, check_layers, display};
use crate::transport::stored::StoredImage;

/// Size of the reads.
const CHUNK: usize = 256 << 10;

/// The location that an image is read from, as the user wrote it, and the control of the work.
pub(crate) struct Reading<'a> {
    pub(crate) location: &'a str,
    pub(crate) control: &'a Control,
}

impl Reading<'_> {
    pub(crate) fn layout_error(&self, source: LayoutError) -> TransportError {
        TransportError::Layout {
            location: self.location.to_owned(),
            source: Box::new(source),
        }
    }

    /// The image in a folder.
    pub(crate) fn of_layout(
        &self,
        dir: Arc<LayoutDir>,
        choice: Choice,
        notes: Vec<String>,
    ) -> Result<StoredImage, TransportError> {
        let manifest = choice.manifest.clone();
        // `index.json` always leads to a manifest; only `manifest.json` describes an image without one.
        let manifest = manifest.ok_or_else(|| self.layout_error(LayoutError::Empty))?;
        self.stored(choice, manifest, dir, notes)
    }

    /// The image in an archive.
    pub(crate) fn of_archive(
        &self,
        tar: &TarFile,
        choice: Choice,
        notes: Vec<String>,
    ) -> Result<StoredImage, TransportError> {
        // Before layers are paired with diff IDs: pairing would silently drop those that are too many.
        self.check_count(&choice, choice.layers.len())?;
        let ranges = choice
            .layers
            .iter()
            .map(|path| self.range(tar, path, &choice))
            .collect::<Result<Vec<SharedRange>, _>>()?;
        let config = choice.config.to_bytes();
        let manifest = match &choice.manifest {
            Some(manifest) => manifest.clone(),
            None => self.made_up(&choice, &ranges)?,
        };
        let mut blobs = FileBlobs::default();
        for (layer, range) in manifest.layers().iter().zip(ranges) {
            blobs.ranges.insert(layer.digest, range);
        }
        // `docker save` stores the config as HEX.json, which is not the path of a blob.
        blobs.documents.insert(choice.config_digest, config);
        self.stored(choice, manifest, Arc::new(blobs), notes)
    }

    fn stored(
        &self,
        choice: Choice,
        manifest: Manifest,
        blobs: Arc<dyn crate::transport::stored::BlobStore>,
        notes: Vec<String>,
    ) -> Result<StoredImage, TransportError> {
        self.check_count(&choice, manifest.layers().len())?;
        check_layers(&manifest).map_err(|source| self.layout_error(source))?;
        Ok(StoredImage {
            reference: self.location.to_owned(),
            names: choice.names,
            manifest,
            config: choice.config,
            blobs,
            notes,
        })
    }

    fn check_count(&self, choice: &Choice, layers: usize) -> Result<(), TransportError> {
        let diff_ids = choice.config.diff_ids().len();
        if diff_ids == layers {
            return Ok(());
        }
        Err(self.layout_error(LayoutError::LayerCount {
            config: display(&choice.config_path),
            layers,
            diff_ids,
        }))
    }

    fn range(
        &self,
        tar: &TarFile,
        path: &ImagePath,
        choice: &Choice,
    ) -> Result<SharedRange, TransportError> {
        let range = tar
            .range(path)
            .map_err(|source| self.layout_error(source))?;
        range.ok_or_else(|| {
            self.layout_error(LayoutError::Missing {
                member: display(path),
                wanted_by: match &choice.manifest {
                    Some(manifest) => format!("manifest {}", manifest.digest()),
                    None => "manifest.json".into(),
                },
            })
        })
    }

    /// Makes a manifest for an image that is stored without one, as `docker save` before version 25 did.
    fn made_up(&self, choice: &Choice, ranges: &[SharedRange]) -> Result<Manifest, TransportError> {
        let layers: Vec<(&DiffId, &SharedRange)> =
            choice.config.diff_ids().iter().zip(ranges).collect();
        let layers = for_each(&layers, processors(), |&(diff_id, range)| {
            self.descriptor(*diff_id, range)
                .map_err(|source| TransportError::Layer {
                    layer: Digest::from(*diff_id),
                    location: self.location.to_owned(),
                    source,
                })
        })?;
        let config = choice.config.to_bytes();
        let config = Descriptor::new(
            media_type::OCI_CONFIG,
            choice.config_digest,
            config.len() as u64,
        );
        Ok(Manifest::new(config, layers, Default::default()))
    }

    /// The descriptor of a layer that has none. The digest of an uncompressed layer is its diff ID, which is checked
    /// when it is read; a compressed layer is hashed now.
    fn descriptor(&self, diff_id: DiffId, range: &SharedRange) -> io::Result<Descriptor> {
        let mut head = Vec::new();
        range
            .clone()
            .take(Compression::HEAD as u64)
            .read_to_end(&mut head)?;
        let compression = Compression::detect(&head).map_err(io::Error::other)?;
        let media_type = layer_type(compression);
        if compression == Compression::None {
            return Ok(Descriptor::new(media_type, diff_id.into(), range.len));
        }
        let mut reader = HashingReader::new(Watched::new(range.clone(), self.control));
        let mut chunk = vec![0; CHUNK];
        while reader.read(&mut chunk)? > 0 {}
        let (hash, size) = reader.finish();
        Ok(Descriptor::new(media_type, Digest::from_bytes(hash), size))
    }
}

/// OCI's media type for a layer with this compression.
pub(crate) fn layer_type(compression: Compression) -> String {
    match compression {
        Compression::None => media_type::OCI_LAYER.to_owned(),
        Compression::Gzip => format!("{}+gzip", media_type::OCI_LAYER),
        Compression::Zstd => format!("{}+zstd", media_type::OCI_LAYER),
    }
}
