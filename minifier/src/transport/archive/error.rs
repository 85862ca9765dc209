//! [`ArchiveError`]: why an image archive cannot be read.

use std::io;

use crate::image::{ConfigError, DiffId, Digest, Platform};
use crate::rootfs::tar::{CompressionError, TarError};

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
    /// A member that another one names is not there.
    #[error("read the image archive: {wanted_by} names {member}, which is not in it")]
    Missing {
        /// The member.
        member: String,
        /// Who names it.
        wanted_by: String,
    },
    /// A JSON member is malformed.
    #[error("parse {member} of the image archive: {source}")]
    Json {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A member is named by a digest that its bytes do not have.
    #[error("read {member} of the image archive: its digest is {found}")]
    Digest {
        /// The member.
        member: String,
        /// What the bytes give.
        found: Digest,
    },
    /// More JSON than an image has.
    #[error("read the image archive: its JSON documents have more than {limit} bytes")]
    TooMuchJson {
        /// The limit.
        limit: usize,
    },
    /// Links of the archive lead in a circle.
    #[error("read the image archive: the link {member} leads nowhere")]
    Link {
        /// The first link.
        member: String,
    },
    /// The config of the image.
    #[error("read the image archive: {0}")]
    Config(#[from] ConfigError),
    /// The config and the manifest disagree about the layers.
    #[error(
        "read the image archive: {config} has {diff_ids} diff IDs, the manifest {layers} layers"
    )]
    LayerCount {
        /// The config's member.
        config: String,
        /// Layers of the manifest.
        layers: usize,
        /// Diff IDs of the config.
        diff_ids: usize,
    },
    /// No manifest at all.
    #[error("read the image archive: it has neither manifest.json nor index.json")]
    NoManifest,
    /// No image that was asked for.
    #[error("read the image archive: it has no image {wanted}, it has: {found}")]
    NoImage {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// Only images for other platforms.
    #[error("read the image archive: it has no image for {wanted}, it has: {found}")]
    Platform {
        /// What was asked for.
        wanted: Platform,
        /// Platforms that there are.
        found: String,
    },
    /// More than one image fits.
    #[error("read the image archive: it has several images, name one of: {found}")]
    Ambiguous {
        /// What there is.
        found: String,
    },
}
