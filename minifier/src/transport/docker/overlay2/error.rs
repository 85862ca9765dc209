//! [`InPlaceError`]: why an image cannot be read in place.

use std::io;
use std::path::PathBuf;

use crate::image::ConfigError;
use crate::rootfs::tar::TarError;

/// Why an image cannot be read where the daemon stores it.
#[derive(Debug, thiserror::Error)]
pub enum InPlaceError {
    /// The daemon is reached over the network.
    #[error("the daemon is not on this host but at {0}")]
    Remote(String),
    /// Images are stored in another way.
    #[error("the daemon stores images with {0}, not with overlay2")]
    Driver(String),
    /// The folders of a layer may not hold all of it.
    #[error(
        "the daemon's overlay2 does not use native diffs, so folders may lack what a layer holds"
    )]
    NotNative,
    /// Something in the daemon's data folder cannot be read: it is on another host, or this user may not.
    #[error("open {path}: {source}")]
    Open {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the daemon's data folder is not as expected.
    #[error("{path}: {what}")]
    Unexpected {
        /// What.
        path: PathBuf,
        /// How it is not.
        what: String,
    },
    /// The record of a layer's tar cannot be read.
    #[error("{path}: {source}")]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        source: TarError,
    },
    /// The image's config.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl InPlaceError {
    pub(crate) fn unexpected(path: impl Into<PathBuf>, what: impl Into<String>) -> Self {
        Self::Unexpected {
            path: path.into(),
            what: what.into(),
        }
    }
}
