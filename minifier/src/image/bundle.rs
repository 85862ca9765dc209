//! A whole image in files on this host: the result of the rebuild stage, which every transport can write.

use std::path::PathBuf;

use super::{DiffId, ImageConfig};

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
