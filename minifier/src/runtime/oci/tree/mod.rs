//! Trees of files that are not trusted: written, read, copied and removed without ever leaving their root.
//!
//! Everything goes through descriptors of directories. No link is followed, no path of the host is joined, and nothing
//! recurses: neither the depth of a tree nor the length of its paths has a limit here.

mod content;
mod copy;
mod dir;
mod remove;
mod walk;
mod write;

pub(super) use copy::{Copy, CopyError};
pub(super) use dir::{Dir, is_missing, read_file};
pub(super) use remove::remove_tree;
#[cfg(test)]
pub(super) use walk::{FoundKind, Next, walk};
pub(super) use write::{Inode, TreeWriter};
