//! [`Source`]: an image that was opened for the rebuild.

use crate::image::{Digest, Image};
use crate::rootfs::{ContentStore, LayerIndex};

/// How an image was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadHow {
    /// From the daemon's folders.
    InPlace,
    /// From an archive that the daemon sent.
    Streamed {
        /// Why not in place; `None` if streaming was asked for.
        not_in_place: Option<String>,
    },
    /// From blobs that another transport than the daemon stores.
    Stored {
        /// Where, as the user wrote it.
        location: String,
    },
}

/// An image that was opened: what its layers hold, and the contents of its files on demand.
pub struct Source {
    /// The image.
    pub image: Image,
    /// The daemon's ID of it.
    pub image_id: Digest,
    /// All names of it.
    pub repo_tags: Vec<String>,
    /// What its layers hold, lowest first.
    pub layers: Vec<LayerIndex>,
    /// Bytes of each layer's uncompressed tar.
    pub layer_bytes: Vec<u64>,
    /// Contents of files.
    pub content: Box<dyn ContentStore>,
    /// How it was read.
    pub how: ReadHow,
    /// Bytes that the daemon sent; 0 if it was read in place.
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
