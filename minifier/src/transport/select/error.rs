//! [`LayoutError`]: why no image can be chosen among stored documents.

use std::io;

use crate::image::{ConfigError, Digest, ManifestError, Platform};

/// Why no image can be chosen among stored documents. Documents are named by their path, escaped; what they are part
/// of is for the caller to name.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A document cannot be read.
    #[error("read {member}: {source}")]
    Read {
        /// The document.
        member: String,
        /// What the system said.
        source: io::Error,
    },
    /// A document that another one names is not there.
    #[error("{wanted_by} names {member}, which is not in it")]
    Missing {
        /// The document.
        member: String,
        /// Who names it.
        wanted_by: String,
    },
    /// A JSON document is malformed.
    #[error("parse {member}: {source}")]
    Json {
        /// The document.
        member: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A member that another document names as a document holds something else.
    #[error("{member} is not a JSON document")]
    NoJson {
        /// Path of the member.
        member: String,
    },
    /// A document is no manifest or no index.
    #[error("{member}: {source}")]
    Manifest {
        /// The document.
        member: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A document is named by a digest that its bytes do not have.
    #[error("{member}: its digest is {found}")]
    Digest {
        /// The document.
        member: String,
        /// What the bytes give.
        found: Digest,
    },
    /// A document has another length than its descriptor says.
    #[error("{member}: it has {found} bytes, {wanted_by} says {expected}")]
    Size {
        /// The document.
        member: String,
        /// Who names it.
        wanted_by: String,
        /// What its descriptor says.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A document has another media type than its descriptor says.
    #[error("{member}: its media type is {found:?}, {wanted_by} says {expected:?}")]
    MediaType {
        /// The document.
        member: String,
        /// Who names it.
        wanted_by: String,
        /// What its descriptor says.
        expected: String,
        /// What it says itself.
        found: String,
    },
    /// A document is longer than any image's.
    #[error("{member} has {size} bytes, more than a document of an image may have ({limit})")]
    TooLong {
        /// The document.
        member: String,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// More JSON than an image has.
    #[error("its JSON documents have more than {limit} bytes")]
    TooMuchJson {
        /// The limit.
        limit: usize,
    },
    /// More manifests than can be looked at.
    #[error("its indexes name more than {limit} manifests")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Links lead in a circle.
    #[error("the link {member} leads nowhere")]
    Link {
        /// The first link.
        member: String,
    },
    /// The config of the image.
    #[error("{member}: {source}")]
    Config {
        /// The document.
        member: String,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The config and the manifest disagree about the layers.
    #[error("{config} has {diff_ids} diff IDs, the manifest {layers} layers")]
    LayerCount {
        /// The config.
        config: String,
        /// Layers of the manifest.
        layers: usize,
        /// Diff IDs of the config.
        diff_ids: usize,
    },
    /// A layer whose bytes are elsewhere.
    #[error(
        "layer {number} of {count} ({digest}) is foreign ({media_type}): its bytes are not distributed with the image"
    )]
    ForeignLayer {
        /// Which one, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// Its blob.
        digest: Digest,
        /// What the manifest calls it.
        media_type: String,
    },
    /// A layer that is encrypted.
    #[error("layer {number} of {count} ({digest}) is encrypted ({media_type})")]
    EncryptedLayer {
        /// Which one, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// Its blob.
        digest: Digest,
        /// What the manifest calls it.
        media_type: String,
    },
    /// No manifest at all.
    #[error("it has neither manifest.json nor index.json")]
    NoManifest,
    /// An index that names no image.
    #[error("it holds no image")]
    Empty,
    /// No image that was asked for.
    #[error("it has no image {wanted}, it has: {found}")]
    NoImage {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// Only images for other platforms.
    #[error("it has no image for {wanted}, it has: {found}")]
    Platform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        found: String,
    },
    /// More than one image fits.
    #[error("it has several images, name one of: {found}")]
    Ambiguous {
        /// What there is.
        found: String,
    },
}

impl LayoutError {
    /// What the user can do about it, a sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoManifest => Some("It must be an OCI layout or what \"docker save\" writes."),
            Self::EncryptedLayer { .. } => {
                Some("Decrypt the image first, with \"skopeo copy --decryption-key\".")
            }
            Self::ForeignLayer { .. } => {
                Some("Push the image with its foreign layers included, and read it from there.")
            }
            Self::Ambiguous { .. } => {
                Some("Add the name after a colon, as in oci:DIR:TAG, or choose by --platform.")
            }
            Self::Manifest {
                source: ManifestError::Schema1,
                ..
            } => Some("Push the image anew with a current tool, which writes schema 2 or OCI."),
            _ => None,
        }
    }
}
