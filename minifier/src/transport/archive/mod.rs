//! Reading an image archive (`docker save`, OCI layout in a tar, or both in one) from a stream, in one pass.
//!
//! Nothing is known in advance about the order of its members. So each member that may be a layer is spooled to an
//! unnamed temporary file, and decompressed, hashed and indexed on the way; JSON stays in memory. Which member is what
//! is decided at the end.

mod error;
mod members;
mod read;
mod spool;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use error::ArchiveError;
pub(crate) use read::set_layer;
pub use read::{ArchiveImage, read_archive};
pub(crate) use spool::{SpoolError, SpooledLayer, spool};
pub(crate) use store::{SpoolStore, SpooledTar};
pub(crate) use table::{MemberTable, check_document};
