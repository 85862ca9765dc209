//! Reading an image where the daemon stores it on this host, in the folders of its storage driver overlay2.
//!
//! The daemon records every layer's tar without the contents of files (tar-split): all headers and padding, and a
//! checksum for each file. The tar reader runs over that record as over the layer itself, so both ways give the same
//! index. Only the contents that are requested are opened in the layer's folder, and checked as they are read.

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
