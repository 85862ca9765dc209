//! [`ArchiveError`]: why an image archive cannot be read.

use std::io;

use crate::image::DiffId;
use crate::rootfs::tar::{CompressionError, TarError};
use crate::transport::select::LayoutError;

/// Why an image archive cannot be read. Members are named by their path in the archive, escaped.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive itself is no complete tar, or its source failed.
    #[error("read the image archive: {0}")]
    Outer(TarError),
    /// The archive is compressed in a way that images are not, or its compression is broken.
    #[error("read the image archive: {0}")]
    Decompress(io::Error),
    /// The archive is compressed in a way that images are not.
    #[error("read the image archive: {0}")]
    Compression(#[from] CompressionError),
    /// A layer's tar cannot be read.
    #[error("read layer {member} of the image archive: {source}")]
    Layer {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: TarError,
    },
    /// A layer is compressed in a way that images are not, or its compression is broken.
    #[error("read layer {member} of the image archive: {source}")]
    LayerCompression {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A layer's bytes are not those that the config names.
    #[error(
        "read layer {member} of the image archive: its diff ID is {found}, the config says {expected}"
    )]
    DiffId {
        /// The member.
        member: String,
        /// What the config says.
        expected: DiffId,
        /// What the bytes give.
        found: DiffId,
    },
    /// The temporary file of a layer cannot be written.
    #[error("spool a layer to {scratch}: {source}")]
    Scratch {
        /// The folder.
        scratch: String,
        /// What the system said.
        source: io::Error,
    },
    /// A member that is named as a layer is a document, or too short for a tar.
    #[error("read layer {member} of the image archive: it is not a tar file")]
    NoLayer {
        /// Path of the member.
        member: String,
    },
    /// A member that another one names is not there.
    #[error("read the image archive: {wanted_by} names {member}, which is not in it")]
    Missing {
        /// The member.
        member: String,
        /// Who names it.
        wanted_by: String,
    },
    /// More JSON than an image has.
    #[error("read the image archive: its JSON documents have more than {limit} bytes")]
    TooMuchJson {
        /// The limit.
        limit: usize,
    },
    /// No image can be chosen among the documents.
    #[error("read the image archive: {0}")]
    Layout(Box<LayoutError>),
}

impl From<LayoutError> for ArchiveError {
    fn from(error: LayoutError) -> Self {
        Self::Layout(Box::new(error))
    }
}
