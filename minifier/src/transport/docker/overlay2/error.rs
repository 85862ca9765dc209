//! [`InPlaceError`]: the reason why an image cannot be read in place.

use std::io;
use std::path::PathBuf;

use crate::image::ConfigError;
use crate::rootfs::tar::TarError;

/// The reason why an image cannot be read where the daemon stores it.
#[derive(Debug, thiserror::Error)]
pub enum InPlaceError {
    /// The daemon is reached over the network.
    #[error("the daemon is not on this host but at {0}")]
    Remote(String),
    /// The daemon uses another storage driver.
    #[error("the daemon stores images with {0}, not with overlay2")]
    Driver(String),
    /// The folder of a layer may not hold all of it.
    #[error(
        "the daemon's overlay2 does not use native diffs, so folders may lack what a layer holds"
    )]
    NotNative,
    /// A path in the daemon's data folder cannot be opened: the daemon runs on another host, or this user has no
    /// permission.
    #[error("open {path}: {source}")]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file or folder in the daemon's data folder is not as expected.
    #[error("{path}: {what}")]
    Unexpected {
        /// The file or folder.
        path: PathBuf,
        /// The difference, a fragment.
        what: String,
    },
    /// The record of a layer's tar cannot be read.
    #[error("{path}: {source}")]
    Record {
        /// Path of `tar-split.json.gz`.
        path: PathBuf,
        /// The fault in it.
        source: TarError,
    },
    /// The image's config is invalid.
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
