//! [`DestinationError`]: why nothing can be mounted at a place.

use std::io;
use std::path::PathBuf;

use crate::rootfs::ImagePath;

/// Why nothing can be mounted at a path of an image, or why it is no working directory.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// The system's own files are mounted there.
    #[error(
        "it leads to {0}, but /dev, /proc and /sys belong to the system (only /dev/shm is allowed)"
    )]
    System(ImagePath),
    /// A mount would hide the whole image.
    #[error("it leads to the root of the image")]
    Root,
    /// More than 40 links, as in a circle of links.
    #[error("it leads through too many links")]
    Loop,
    /// Longer than a path or a name can be, or with a NUL.
    #[error("it is, or leads to, a path that no file system accepts")]
    Path,
    /// It, or a parent of it, is not a directory.
    #[error("{0} is not a directory")]
    NotADirectory(ImagePath),
    /// A file cannot be mounted on a directory.
    #[error("{0} is a directory, but the source of the mount is not")]
    Directory(ImagePath),
    /// There is a link in a folder that is mounted above it.
    #[error("{0} is, or lies below, a link in a folder or volume that is mounted above it")]
    Covered(ImagePath),
    /// Two of the user's options land at one place.
    #[error("another mount has the same target, {0}")]
    Taken(ImagePath),
    /// The source of the mount could not be looked at.
    #[error("inspect {} on this host: {source}", path.display())]
    Source {
        /// The file or folder of this host.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The tree could not be looked at.
    #[error("inspect {path}: {source}")]
    Look {
        /// Path in the image.
        path: ImagePath,
        /// The system's error.
        source: io::Error,
    },
}
