//! One layer before it is merged: entries in the order of its tar, and references to their bytes.

use std::io::{self, Read};

use super::{ImagePath, Metadata, RootFs};
use crate::image::Image;

/// Entries of one layer in the order of its tar. The order matters: a later entry replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerIndex {
    /// The entries, in the tar's order.
    pub entries: Vec<LayerEntry>,
}

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerEntry {
    /// The path it is about; for a whiteout the path that it hides.
    pub path: ImagePath,
    /// Owner, mode, times, extended attributes; of no meaning for whiteouts.
    pub meta: Metadata,
    /// The kind of entry that it puts there.
    pub kind: EntryKind,
}

/// The kind of an entry of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory; the entries of lower layers in it stay.
    Directory,
    /// A regular file, with a reference to its content.
    File(ContentRef),
    /// Another name of a file of this layer or of a lower one.
    HardLink {
        /// The name that the link was made for, absolute.
        target: ImagePath,
    },
    /// A symbolic link, which is not followed when it is merged.
    Symlink {
        /// Target as stored: relative or absolute, not normalised.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// `.wh.NAME`: lower layers have no NAME here.
    Whiteout,
    /// `.wh..wh..opq`: lower layers have nothing in this directory.
    OpaqueWhiteout,
}

/// A reference to the bytes of a regular file. Only the [`ContentStore`] that made it can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentRef {
    /// The layer, 0 is the lowest.
    pub layer: u32,
    /// Place in that layer, in the store's own terms.
    pub at: u64,
    /// Length in bytes, holes of sparse files included.
    pub size: u64,
}

/// Gives the bytes of files. Readers end after exactly `size` bytes or fail; stores that know a checksum check it.
pub trait ContentStore: Send + Sync {
    /// Opens a file's content for reading from its start.
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>>;

    /// Reads at most `limit` bytes from the start: for looking at magic numbers, ELF headers, package databases.
    fn read_head(&self, content: ContentRef, limit: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open(content)?.take(limit).read_to_end(&mut head)?;
        Ok(head)
    }

    /// Reads at most `limit` bytes from `offset` on; fewer where the content ends before. Stores that can seek
    /// should not read what lies before `offset`, as this default does.
    fn read_range(&self, content: ContentRef, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        read_after(self.open(content)?, offset, limit)
    }
}

/// An image with its merged tree and the bytes of its files: what every decision about it starts from.
#[derive(Clone, Copy)]
pub struct MergedImage<'a> {
    /// The reference and the config, which names the layers.
    pub image: &'a Image,
    /// Its layers, merged with [`RootFs::merge`].
    pub rootfs: &'a RootFs,
    /// The store that made the [`ContentRef`]s of `rootfs`.
    pub content: &'a dyn ContentStore,
}

/// Reads at most `limit` bytes after the first `offset` ones.
pub fn read_after(mut reader: impl Read, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    io::copy(&mut (&mut reader).take(offset), &mut io::sink())?;
    let mut range = Vec::new();
    reader.take(limit).read_to_end(&mut range)?;
    Ok(range)
}
