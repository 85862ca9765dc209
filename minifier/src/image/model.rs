//! The image itself, independent of where it is stored.

use super::{DiffId, ImageConfig};

/// An image: its config, and the name that the user gave. Layers are identified by the config's diff IDs; their bytes
/// are read through the transport that the image came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// The reference as the user wrote it.
    pub reference: String,
    /// The config as stored.
    pub config: ImageConfig,
}

impl Image {
    /// Diff IDs of the layers, lowest first.
    pub fn layers(&self) -> &[DiffId] {
        self.config.diff_ids()
    }
}
