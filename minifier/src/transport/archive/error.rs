//! [`ArchiveError`]: the reason why an image archive cannot be read.

use std::io;

use crate::image::DiffId;
use crate::rootfs::tar::{CompressionError, TarError};
use crate::transport::select::LayoutError;

/// The reason why an image archive cannot be read. Members are named by their path in the archive, escaped.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The archive itself is not a complete tar, or its source failed.
    #[error("read the image archive: {0}")]
    Outer(TarError),
    /// The archive's compression is broken.
    #[error("read the image archive: {0}")]
    Decompress(io::Error),
    /// The archive has a compression that images do not use.
    #[error("read the image archive: {0}")]
    Compression(#[from] CompressionError),
    /// A layer's tar cannot be read.
    #[error("read layer {member} of the image archive: {source}")]
    Layer {
        /// Path of the member.
        member: String,
        /// The cause.
        source: TarError,
    },
    /// A layer has a compression that images do not use, or its compression is broken.
    #[error("read layer {member} of the image archive: {source}")]
    LayerCompression {
        /// Path of the member.
        member: String,
        /// The cause.
        source: io::Error,
    },
    /// A layer's bytes are not those that the config names.
    #[error(
        "read layer {member} of the image archive: its diff ID is {found}, the config says {expected}"
    )]
    DiffId {
        /// Path of the member.
        member: String,
        /// The config's diff ID.
        expected: DiffId,
        /// The diff ID of the bytes.
        found: DiffId,
    },
    /// The temporary file of a layer cannot be written.
    #[error("spool a layer to {scratch}: {source}")]
    Scratch {
        /// The folder for temporary files.
        scratch: String,
        /// The system's error.
        source: io::Error,
    },
    /// A member that is named as a layer is a document, or too short for a tar.
    #[error("read layer {member} of the image archive: it is not a tar file")]
    NoLayer {
        /// Path of the member.
        member: String,
    },
    /// A member that another one names is missing.
    #[error("read the image archive: {wanted_by} names {member}, which is not in it")]
    Missing {
        /// Path of the member.
        member: String,
        /// Path of the document that names it.
        wanted_by: String,
    },
    /// All documents together are longer than an image's can be.
    #[error("read the image archive: its JSON documents have more than {limit} bytes")]
    TooMuchJson {
        /// Maximum length, in bytes.
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
