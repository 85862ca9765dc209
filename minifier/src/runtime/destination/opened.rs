//! [`OpenedTree`]: a tree on disk, read through a descriptor of its root.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat};
use rustix::io::Errno;

use super::resolve::{Tree, TreeEntry};
use crate::rootfs::ImagePath;

/// A tree on disk.
#[derive(Debug)]
pub struct OpenedTree {
    root: OwnedFd,
}

impl OpenedTree {
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

impl Tree for OpenedTree {
    fn entry(&self, path: &ImagePath) -> io::Result<TreeEntry> {
        let found = if path.is_root() {
            self.root.try_clone()?
        } else {
            // `O_PATH` opens nothing: a device of the image would act when it is opened, a pipe would block. BENEATH keeps
            // the kernel below the root even while the tree changes.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let name = std::ffi::OsStr::from_bytes(path.relative());
            match openat2(self.root.as_fd(), name, flags, Mode::empty(), resolve) {
                Ok(found) => found,
                // Not ELOOP: the caller has resolved all links on the way, so one that turns up now is an attack.
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(TreeEntry::Missing),
                Err(error) => return Err(error.into()),
            }
        };
        Ok(match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => TreeEntry::Directory,
            FileType::Symlink => TreeEntry::Link(readlinkat(&found, "", Vec::new())?.into_bytes()),
            FileType::RegularFile => TreeEntry::File,
            _ => TreeEntry::Other,
        })
    }
}
