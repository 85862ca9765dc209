//! Where images live: the Docker daemon, and the archives that it writes and reads.
//!
//! Reading gives a [`Source`]: the image, what each of its layers holds, and a store for the files' contents. Writing
//! takes a [`Bundle`](crate::image::Bundle).

mod archive;
mod archive_check;
mod archive_file;
mod archive_write;
mod body;
mod daemon;
mod endpoint;
mod error;
mod load;
mod overlay2;
mod source;
mod stored;

pub use archive::{ArchiveError, ArchiveImage, Select, read_archive};
pub use archive_check::{Mismatch, check_archive};
pub use archive_file::write_archive_file;
pub use archive_write::{ArchiveInfo, Watch as ArchiveWatch, WriteError, write_archive};
pub use body::ArchiveBody;
pub use daemon::{Daemon, DaemonInfo};
pub use endpoint::{Endpoint, Environment, Origin, TlsFiles};
pub use error::TransportError;
pub use load::Loaded;
pub use overlay2::InPlaceError;
pub use source::{Inspected, ReadHow, ReadMode, ReadRequest, Source};
pub use stored::{BlobMismatch, BlobRange, BlobStore, StoredImage, VerifiedReader};
