//! [`Dir`]: the root of a tree, from which directories are opened step by step.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use crate::rootfs::ImagePath;

/// Bytes of a path that are opened at once; the kernel takes 4,095.
const PIECE: usize = 3 << 10;

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory of the host that is the root of a tree, with the directory of the tree that was used last kept open.
#[derive(Debug)]
pub(in crate::runtime::oci) struct Dir {
    root: OwnedFd,
    last: Option<(ImagePath, OwnedFd)>,
}

impl Dir {
    /// The tree at a path of the host.
    pub(in crate::runtime::oci) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(openat(CWD, path, FLAGS, Mode::empty())?))
    }

    /// The tree whose root is open.
    pub(in crate::runtime::oci) fn new(root: OwnedFd) -> Self {
        Self { root, last: None }
    }

    /// The root.
    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// A directory of the tree; an error where a link is on the way.
    pub(super) fn at(&mut self, path: &ImagePath) -> io::Result<BorrowedFd<'_>> {
        if path.is_root() {
            return Ok(self.root.as_fd());
        }
        let open = match &self.last {
            Some((last, _)) if last == path => None,
            Some((last, fd)) if path.parent().as_ref() == Some(last) => {
                Some(openat(fd, path.file_name(), FLAGS, Mode::empty())?)
            }
            _ => Some(self.walk(path)?),
        };
        if let Some(fd) = open {
            self.last = Some((path.clone(), fd));
        }
        match &self.last {
            Some((_, fd)) => Ok(fd.as_fd()),
            None => unreachable!("it was just set"),
        }
    }

    /// The directory that holds `path`.
    pub(super) fn parent(&mut self, path: &ImagePath) -> io::Result<BorrowedFd<'_>> {
        self.at(&path.parent().unwrap_or_else(ImagePath::root))
    }

    fn walk(&self, path: &ImagePath) -> io::Result<OwnedFd> {
        let mut at: Option<OwnedFd> = None;
        let mut rest = path.relative();
        while !rest.is_empty() {
            let cut = if rest.len() <= PIECE {
                rest.len()
            } else {
                // A single name is shorter than a piece, or the kernel refuses it.
                rest[..PIECE]
                    .iter()
                    .rposition(|b| *b == b'/')
                    .unwrap_or(rest.len())
            };
            let from = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            let next = openat2(from, &rest[..cut], FLAGS, Mode::empty(), resolve)?;
            at = Some(next);
            rest = rest.get(cut + 1..).unwrap_or_default();
        }
        match at {
            Some(fd) => Ok(fd),
            None => Ok(openat(&self.root, ".", FLAGS, Mode::empty())?),
        }
    }
}

/// Opens a path of the tree at `root` as a process inside would: links are followed, and `root` is where absolute ones
/// and `..` end.
pub(in crate::runtime::oci) fn open_beneath(
    root: impl AsFd,
    path: &[u8],
    flags: OFlags,
) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let path = std::ffi::OsStr::from_bytes(path);
    // The kernel asks to try again where something was renamed meanwhile.
    for _ in 0..100 {
        match openat2(
            root.as_fd(),
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        ) {
            Err(rustix::io::Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
    Err(rustix::io::Errno::AGAIN.into())
}
