//! [`Opened`]: a tree on disk, looked at through a descriptor of its root.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;

use super::resolve::{Entry, Tree};
use crate::rootfs::ImagePath;

/// A tree on disk.
#[derive(Debug)]
pub struct Opened {
    root: OwnedFd,
}

impl Opened {
    /// The tree whose root is open.
    pub fn new(root: OwnedFd) -> Self {
        Self { root }
    }

    /// The tree at a path of this host; a file is a tree of that file.
    pub fn at(path: &Path) -> io::Result<Self> {
        let root = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root })
    }
}

impl Tree for Opened {
    fn entry(&self, path: &ImagePath) -> io::Result<Entry> {
        let found = if path.is_root() {
            self.root.try_clone()?
        } else {
            // Nothing is opened in earnest, and nothing is followed: what the tree holds cannot act.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let name = std::ffi::OsStr::from_bytes(path.relative());
            match openat2(self.root.as_fd(), name, flags, Mode::empty(), resolve) {
                Ok(found) => found,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Entry::Missing),
                Err(error) => return Err(error.into()),
            }
        };
        Ok(match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => Entry::Directory,
            FileType::Symlink => Entry::Link(readlinkat(&found, "", Vec::new())?.into_bytes()),
            FileType::RegularFile => Entry::File,
            _ => Entry::Other,
        })
    }
}
