//! The OCI model of an image: small read-only types that do not depend on where an image is stored.

mod config;
mod digest;
mod manifest;
pub mod media_type;
mod model;
mod platform;
mod reference;

pub use config::{CheckCommand, ConfigError, Healthcheck, History, ImageConfig};
pub(crate) use digest::HashingReader;
pub use digest::{ChainId, DiffId, Digest, DigestError, Sha256};
pub use manifest::{
    Descriptor, ImageIndex, MAX_DOCUMENT, MAX_INDEXES, Manifest, ManifestError, Outline,
};
pub use model::{Bundle, Image, LayerFile};
pub use platform::{Platform, PlatformError};
#[cfg(feature = "registry")]
pub(crate) use reference::DOCKER_HUB;
pub use reference::{ImageReference, ReferenceError, TaggedName};
