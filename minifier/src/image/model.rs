//! [`Image`], independent of where it is stored, and [`Bundle`], an image whose layers are files on this host: the
//! result of the rebuild, which every transport can write.

use std::path::PathBuf;

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

/// An image with all its bytes available. The config's diff IDs are those of the layers, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The config.
    pub config: ImageConfig,
    /// The layers, lowest first.
    pub layers: Vec<LayerFile>,
}

/// An uncompressed layer in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Hash of the file.
    pub diff_id: DiffId,
    /// Length in bytes.
    pub size: u64,
    /// Path on this host.
    pub path: PathBuf,
}
