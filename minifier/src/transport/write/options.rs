//! [`WriteOptions`] and [`Written`]: how to write an image, and what came of it.

use std::path::PathBuf;

use super::blocks::LayerCompression;
use super::recompress::Recompression;
use crate::image::{Digest, TaggedName};
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::limits::Limits;
use crate::transport::location::Location;
use crate::transport::registry::RegistryOptions;
use crate::transport::stored::StoredImage;

/// How to write an image.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// The names that the image gets if the location gives none.
    pub names: Vec<TaggedName>,
    /// Modification time of an archive's entries, seconds since the epoch.
    pub mtime: u64,
    /// How to compress layers in OCI layouts, OCI archives and registries; `None` leaves them as they are. Docker's
    /// archives and daemon always get uncompressed layers.
    pub compression: Option<LayerCompression>,
    /// A folder for temporary files. They have no names.
    pub scratch: PathBuf,
    /// Limits on the uncompressed size of the layers.
    pub limits: Limits,
    /// Credentials and certificates for registries.
    pub registry: RegistryOptions,
    /// Observes and stops the work.
    pub control: Control,
}

/// An image that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Digest of the manifest at the location, which can differ from the original's.
    pub manifest: Digest,
    /// Digest of the config: Docker's image ID.
    pub image_id: Digest,
    /// Number of bytes that were written; blobs that were there already do not count.
    pub bytes: u64,
    /// What is worth knowing about it, a sentence each.
    pub notes: Vec<String>,
}

impl WriteOptions {
    /// The image with its layers compressed as the options say.
    pub(crate) fn compressed(&self, stored: &StoredImage) -> Result<StoredImage, TransportError> {
        match self.compression {
            None => Ok(stored.clone()),
            Some(compression) => self.recompression(compression).apply(stored),
        }
    }

    /// The image as Docker's archives have it.
    pub(crate) fn uncompressed(&self, stored: &StoredImage) -> Result<StoredImage, TransportError> {
        self.recompression(LayerCompression::NONE).apply(stored)
    }

    fn recompression(&self, compression: LayerCompression) -> Recompression<'_> {
        Recompression {
            compression,
            scratch: &self.scratch,
            limits: self.limits,
            control: &self.control,
        }
    }
}

/// The error for work that the control stopped.
pub(crate) fn cancelled(location: &Location) -> TransportError {
    TransportError::Cancelled {
        doing: "write",
        location: location.to_string(),
    }
}
