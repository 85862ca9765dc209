//! Reading an image where the daemon keeps it on this host, in the folders of its storage driver overlay2.
//!
//! The daemon records every layer's tar without the files' contents (tar-split): all headers and padding, and a
//! checksum per file. The tar reader runs over that record as it would over the layer itself, so both ways give the
//! same index. Contents are opened in the layer's folder, those that are asked for, and checked when they are read.

mod error;
mod layerdb;
mod read;
mod store;
mod tarsplit;
#[cfg(test)]
mod tests;

pub use error::InPlaceError;
pub(crate) use layerdb::StoreLayout;
pub(crate) use read::{InPlaceImage, read_in_place};
