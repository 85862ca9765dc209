//! The nodes of the merged tree.

use std::collections::BTreeMap;

use super::ContentRef;

/// Index of a [`Node`] in its [`super::RootFs`]; two paths with the same id are hard links of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// Its place among the nodes of its tree, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The node at a place. Places that [`super::RootFs::count`] does not cover panic when the node is asked for.
    pub fn from_index(index: usize) -> Self {
        Self(index as u32)
    }
}

/// Time of last change, as tar carries it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtime {
    /// Seconds since the epoch, negative before it.
    pub secs: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanos: u32,
}

/// Everything about an entry but its kind and its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with setuid, setgid and sticky (`0o7777`).
    pub mode: u32,
    /// ID of the owner.
    pub uid: u32,
    /// ID of the group.
    pub gid: u32,
    /// Time of last change.
    pub mtime: Mtime,
    /// Extended attributes by full name (`security.capability`).
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// An inode of the merged tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Owner, mode, times, extended attributes.
    pub meta: Metadata,
    /// Its kind and what belongs to it.
    pub kind: NodeKind,
    /// The layer (0 is the lowest) whose entry is visible.
    pub layer: usize,
}

/// The kinds of inodes that a layer can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory, with everything that any layer put into it.
    Directory {
        /// Entries by name; hard links share a node.
        children: BTreeMap<Box<[u8]>, NodeId>,
        /// Whether no layer has an entry for it: only paths below it name it.
        implied: bool,
    },
    /// A regular file; of several names, each leads to this node.
    File {
        /// A reference to its bytes.
        content: ContentRef,
    },
    /// A symbolic link; the target is as stored, not normalised.
    Symlink {
        /// Target, relative or absolute.
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
}

impl Node {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        matches!(self.kind, NodeKind::Directory { .. })
    }

    /// Target of a symbolic link.
    pub fn link_target(&self) -> Option<&[u8]> {
        match &self.kind {
            NodeKind::Symlink { target } => Some(target),
            _ => None,
        }
    }

    /// Content of a regular file.
    pub fn content(&self) -> Option<ContentRef> {
        match self.kind {
            NodeKind::File { content } => Some(content),
            _ => None,
        }
    }

    /// Bytes of a regular file, 0 for everything else.
    pub fn size(&self) -> u64 {
        self.content().map_or(0, |content| content.size)
    }
}
