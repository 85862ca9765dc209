//! [`WriteError`]: the reason why an archive cannot be written, a kind of [`TransportError`].
//!
//! [`TransportError`]: crate::transport::TransportError

use std::io;
use std::path::PathBuf;

/// The reason why an archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file of a layer cannot be read.
    #[error("read the layer {}: {source}", path.display())]
    ReadLayer {
        /// Path of the file on this host.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The bytes of a layer's file do not have the diff ID that was computed when they were written.
    #[error("read the layer {}: its content changed since it was written", path.display())]
    ChangedLayer {
        /// Path of the file on this host.
        path: PathBuf,
    },
    /// The receiver of the stream failed.
    #[error("write the archive: {0}")]
    Write(#[source] io::Error),
    /// The archive's file or its folder failed.
    #[error("write the archive {}: {source}", path.display())]
    File {
        /// Path of the archive.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The function that observes the writing asked to stop.
    #[error("write the archive: cancelled")]
    Cancelled,
}
