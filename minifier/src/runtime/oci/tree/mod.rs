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

pub(crate) use copy::{Copy, CopyError};
pub(crate) use dir::{Dir, is_missing, read_file};
pub(crate) use remove::remove_tree;
#[cfg(test)]
pub(crate) use walk::{WalkKind, WalkNext, walk};
pub(crate) use write::{Inode, TreeWriter};
