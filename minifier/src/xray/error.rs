//! [`XrayError`]: why there is no analysis at all. What only part of it lacks is in `problems`.

use crate::rootfs::TooManyEntries;
use crate::transport::TRUSTED;

/// Why an image cannot be analysed.
#[derive(Debug, thiserror::Error)]
pub enum XrayError {
    /// A listing that is made to exhaust memory.
    #[error("analyse {image}: {source}")]
    TooManyEntries {
        /// The reference as given.
        image: String,
        /// What the entries may take.
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
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooManyEntries { .. } => Some(TRUSTED),
            Self::Cancelled { .. } => None,
        }
    }
}
