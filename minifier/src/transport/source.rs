//! [`Source`]: an image that is open for the rebuild.

use crate::image::{Digest, Image};
use crate::rootfs::{ContentStore, LayerIndex};

/// The way in which an image was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadHow {
    /// From the folders of the daemon's storage driver.
    InPlace,
    /// From an archive that the daemon sent.
    Streamed {
        /// The reason why it was not read in place; `None` if streaming was requested.
        not_in_place: Option<String>,
    },
    /// From blobs that another transport than the daemon stores.
    Stored {
        /// The location as the user wrote it.
        location: String,
    },
}

/// An open image: the entries of its layers, and the contents of its files on demand.
pub struct Source {
    /// The reference and the config.
    pub image: Image,
    /// The daemon's ID of the image; the config's digest if it comes from elsewhere.
    pub image_id: Digest,
    /// All names of the image.
    pub repo_tags: Vec<String>,
    /// The entries of each layer, lowest first.
    pub layers: Vec<LayerIndex>,
    /// Length of each layer's uncompressed tar, in bytes.
    pub layer_bytes: Vec<u64>,
    /// The contents of files, by the references in `layers`.
    pub content: Box<dyn ContentStore>,
    /// The way in which it was read.
    pub how: ReadHow,
    /// Number of bytes that the daemon sent or the location stores; 0 if the image was read in place.
    pub archive_bytes: u64,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("image_id", &self.image_id)
            .field("layers", &self.layers.len())
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}
