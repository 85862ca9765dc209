//! [`TarError`]: why bytes are not a tar that can be read.

use std::io;

use crate::rootfs::{TooManyEntries, shown};

/// Why a tar cannot be read. Offsets are bytes from the start of the uncompressed tar.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The source of the bytes failed.
    #[error("read the tar at byte {offset}: {source}")]
    Io {
        /// Bytes from the start of the uncompressed tar.
        offset: u64,
        /// The error of the source.
        source: io::Error,
    },
    /// The bytes end within a header or a body.
    #[error("read the tar: it ends at byte {offset}, in the middle of {within}")]
    Truncated {
        /// Offset at which the bytes end.
        offset: u64,
        /// The part that is not complete: a header, or a member by its name.
        within: String,
    },
    /// A header that no tar has.
    #[error("read the tar header at byte {offset}: {what}")]
    Header {
        /// Offset at which the header starts.
        offset: u64,
        /// The mistake, in words.
        what: String,
    },
    /// A member that a layer or its metadata cannot have.
    #[error("read tar member {name} at byte {offset}: {what}")]
    Member {
        /// Its name, escaped and shortened.
        name: String,
        /// Offset at which its header starts.
        offset: u64,
        /// The mistake, in words.
        what: String,
    },
    /// More entries than may be kept.
    #[error("read the tar at byte {offset}: {source}")]
    TooManyEntries {
        /// Bytes from the start of the uncompressed tar.
        offset: u64,
        /// The limit that was reached.
        source: TooManyEntries,
    },
}

impl TarError {
    pub(crate) fn header(offset: u64, what: impl Into<String>) -> Self {
        Self::Header {
            offset,
            what: what.into(),
        }
    }

    pub(crate) fn member(offset: u64, name: &[u8], what: impl Into<String>) -> Self {
        Self::Member {
            name: shown(name),
            offset,
            what: what.into(),
        }
    }
}
