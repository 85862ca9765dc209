//! Reading tar, and the headers of writing it: from the bytes of a layer to a [`crate::rootfs::LayerIndex`], and the members of any other tar.
//!
//! The reader takes headers as Go's `archive/tar` does, because that is what Docker and containerd unpack layers
//! with: what it makes of an odd header is what a container sees.

mod compression;
mod encode;
mod error;
mod header;
mod index;
mod input;
mod member;
mod pax;
mod reader;
mod seek;
mod sparse;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use compression::{Compression, CompressionError, decompress};
pub use encode::HeaderError;
pub(crate) use encode::{EntryShape, encode_header};
pub use error::TarError;
pub(crate) use header::BLOCK;
pub use index::{IndexedLayer, index_layer, layer_entry};
pub use input::{StreamInput, TarInput};
pub use member::Member;
pub use reader::{MemberBody, TarReader};
pub(crate) use seek::SeekInput;
pub use sparse::{SparseMap, SparseReader};
