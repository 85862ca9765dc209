//! [`XrayError`]: why there is no analysis at all. If only a part of the image cannot be read, that is a problem in
//! the report.

use crate::rootfs::TooManyEntries;
use crate::transport::TRUSTED;

/// Why an image cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum XrayError {
    /// The entries of the layers would take far more memory than is stored of them: an image that is made to exhaust it.
    #[error("analyse {image}: {source}")]
    TooManyEntries {
        /// The reference as given.
        image: String,
        /// Bytes that the entries may take.
        source: TooManyEntries,
    },
    /// Cancelled by the caller.
    #[error("analyse {image}: cancelled")]
    Cancelled {
        /// The reference as given.
        image: String,
    },
}

impl XrayError {
    /// A hint for the user; `None` if there is nothing to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooManyEntries { .. } => Some(TRUSTED),
            Self::Cancelled { .. } => None,
        }
    }
}
