//! [`Covered`]: a tree with mounts over parts of it, as a process in the container sees it.

use std::io;

use super::opened::OpenedTree;
use super::resolve::{SHM, Tree, TreeEntry};
use crate::rootfs::ImagePath;

/// The content of a mount.
#[derive(Debug)]
pub(crate) enum Cover {
    /// An empty directory.
    Empty,
    /// A copy of the tree at that path: a volume that is filled from the image.
    Copy(ImagePath),
    /// A file or folder of this host.
    Host(OpenedTree),
}

/// A tree with mounts over it, the last one of a place on top.
pub struct Covered<'a> {
    below: &'a dyn Tree,
    mounts: Vec<(ImagePath, Cover)>,
}

impl<'a> Covered<'a> {
    pub(crate) fn new(below: &'a dyn Tree) -> Self {
        Self {
            below,
            mounts: Vec::new(),
        }
    }

    pub(crate) fn mount(&mut self, at: ImagePath, cover: Cover) {
        self.mounts.push((at, cover));
    }
}

impl Tree for Covered<'_> {
    fn entry(&self, path: &ImagePath) -> io::Result<TreeEntry> {
        let over = self
            .mounts
            .iter()
            .rev()
            .filter(|(at, _)| path.starts_with(at));
        let Some((at, cover)) = over.max_by_key(|(at, _)| at.as_bytes().len()) else {
            // Every runtime mounts an empty tmpfs there before all others, so the image's own files are not seen.
            if path.starts_with(&SHM.into()) {
                return Ok(TreeEntry::Missing);
            }
            return self.below.entry(path);
        };
        let rest = path
            .as_bytes()
            .get(at.as_bytes().len()..)
            .unwrap_or_default();
        match cover {
            Cover::Host(tree) => tree.entry(&ImagePath::new(rest)),
            _ if rest.is_empty() => Ok(TreeEntry::Directory),
            Cover::Empty => Ok(TreeEntry::Missing),
            Cover::Copy(from) => self
                .below
                .entry(&from.join(rest.strip_prefix(b"/").unwrap_or(rest))),
        }
    }
}
