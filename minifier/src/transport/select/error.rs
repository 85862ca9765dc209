//! [`LayoutError`]: the reason why no image can be chosen among stored documents.

use std::io;

use crate::image::{ConfigError, Digest, ManifestError, Platform};

/// The reason why no image can be chosen among stored documents. Documents are named by their path, escaped; the caller
/// adds the location.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A document cannot be read.
    #[error("read {member}: {source}")]
    Read {
        /// Path of the document.
        member: String,
        /// The system's error.
        source: io::Error,
    },
    /// A document that another one names is missing.
    #[error("{wanted_by} names {member}, which is not in it")]
    Missing {
        /// Path of the document.
        member: String,
        /// Path of the document that names it.
        wanted_by: String,
    },
    /// A JSON document is malformed.
    #[error("parse {member}: {source}")]
    Json {
        /// Path of the document.
        member: String,
        /// The place and the cause.
        source: serde_json::Error,
    },
    /// A member that another document names as a document holds something else.
    #[error("{member} is not a JSON document")]
    NoJson {
        /// Path of the member.
        member: String,
    },
    /// A document is not a valid manifest or index.
    #[error("{member}: {source}")]
    Manifest {
        /// Path of the document.
        member: String,
        /// The cause.
        source: ManifestError,
    },
    /// The name of a document is a digest that its bytes do not have.
    #[error("{member}: its digest is {found}")]
    Digest {
        /// Path of the document.
        member: String,
        /// The digest of the bytes.
        found: Digest,
    },
    /// A document has another length than its descriptor says.
    #[error("{member}: it has {found} bytes, {wanted_by} says {expected}")]
    Size {
        /// Path of the document.
        member: String,
        /// Path of the document that names it.
        wanted_by: String,
        /// Length in its descriptor, in bytes.
        expected: u64,
        /// Actual length, in bytes.
        found: u64,
    },
    /// A document has another media type than its descriptor says.
    #[error("{member}: its media type is {found:?}, {wanted_by} says {expected:?}")]
    MediaType {
        /// Path of the document.
        member: String,
        /// Path of the document that names it.
        wanted_by: String,
        /// Media type in its descriptor.
        expected: String,
        /// Its own media type.
        found: String,
    },
    /// A document is longer than an image's can be.
    #[error("{member} has {size} bytes, more than a document of an image may have ({limit})")]
    TooLong {
        /// Path of the document.
        member: String,
        /// Its length in bytes.
        size: u64,
        /// Maximum length of a document, in bytes.
        limit: u64,
    },
    /// All documents together are longer than an image's can be.
    #[error("its JSON documents have more than {limit} bytes")]
    TooMuchJson {
        /// Maximum length, in bytes.
        limit: usize,
    },
    /// The indexes name more manifests than are looked at.
    #[error("its indexes name more than {limit} manifests")]
    TooMany {
        /// Maximum number of manifests.
        limit: usize,
    },
    /// Links lead in a circle.
    #[error("the link {member} does not lead to a file")]
    Link {
        /// Path of the first link.
        member: String,
    },
    /// The config of the image is invalid.
    #[error("{member}: {source}")]
    Config {
        /// Path of the document.
        member: String,
        /// The cause.
        source: ConfigError,
    },
    /// The config and the manifest disagree about the layers.
    #[error("{config} has {diff_ids} diff IDs, the manifest {layers} layers")]
    LayerCount {
        /// Path or digest of the config.
        config: String,
        /// Number of layers in the manifest.
        layers: usize,
        /// Number of diff IDs in the config.
        diff_ids: usize,
    },
    /// The bytes of a layer are stored elsewhere, at its `urls`.
    #[error(
        "layer {number} of {count} ({digest}) is foreign ({media_type}): its bytes are not distributed with the image"
    )]
    ForeignLayer {
        /// Number of the layer, from 1 for the lowest.
        number: usize,
        /// Number of layers.
        count: usize,
        /// Digest of its blob.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// A layer is encrypted.
    #[error("layer {number} of {count} ({digest}) is encrypted ({media_type})")]
    EncryptedLayer {
        /// Number of the layer, from 1 for the lowest.
        number: usize,
        /// Number of layers.
        count: usize,
        /// Digest of its blob.
        digest: Digest,
        /// Its media type.
        media_type: String,
    },
    /// There is neither `manifest.json` nor `index.json`.
    #[error("it has neither manifest.json nor index.json")]
    NoManifest,
    /// The documents name no image.
    #[error("it contains no image")]
    Empty,
    /// No image has the requested name or config.
    #[error("it has no image {wanted}, it has: {found}")]
    NoImage {
        /// The requested name, digest or config.
        wanted: String,
        /// The images that there are, separated by commas.
        found: String,
    },
    /// All images are for other platforms.
    #[error("it has no image for {wanted}, it has: {found}")]
    Platform {
        /// The requested platform.
        wanted: Platform,
        /// The images that there are, separated by commas.
        found: String,
    },
    /// More than one image fits.
    #[error("it has several images, name one of: {found}")]
    Ambiguous {
        /// The images that there are, separated by commas.
        found: String,
    },
}

impl LayoutError {
    /// A sentence that says what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoManifest => {
                Some("use an OCI layout, an OCI archive or an archive written by `docker save`")
            }
            Self::EncryptedLayer { .. } => {
                Some("decrypt the image first with `skopeo copy --decryption-key`")
            }
            Self::ForeignLayer { .. } => Some(
                "push the image to a registry with its foreign layers included, and read it from there",
            ),
            Self::Ambiguous { .. } => Some(
                "add the name after a colon, as in oci:DIR:TAG, or choose a platform with --platform",
            ),
            Self::Manifest {
                source: ManifestError::Schema1,
                ..
            } => Some("push the image again with a current tool, which writes schema 2 or OCI"),
            _ => None,
        }
    }
}
