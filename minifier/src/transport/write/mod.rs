//! Writing images: OCI layouts in folders, archives, daemons; layers compressed on the way if that was requested.

mod archive;
mod archive_file;
mod blocks;
mod bundle;
mod error;
mod folder;
mod image;
#[cfg(feature = "engines")]
mod into_daemon;
#[cfg(feature = "registry")]
mod into_registry;
mod layout;
mod media_types;
mod oci;
mod options;
mod pool;
mod recompress;
mod temporary;
mod unfinished;

pub use archive::{ArchiveInfo, ArchiveWatch, write_archive};
pub use archive_file::write_archive_file;
pub use blocks::{LayerCompression, LevelError};
pub use bundle::bundle_to_stored;
pub use error::WriteError;
pub use image::write_image;
pub use oci::kept_annotations;
pub use options::{WriteOptions, Written};
