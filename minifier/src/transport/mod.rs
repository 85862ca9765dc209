//! transport

mod archive_check;
mod archive_file;
mod archive_write;

pub use archive_check::{Mismatch, check_archive};
pub use archive_file::write_archive_file;
pub use archive_write::{ArchiveError, ArchiveInfo, Watch as ArchiveWatch, write_archive};
