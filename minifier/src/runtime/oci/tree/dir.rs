//! [`Dir`]: the root of a tree, from which its directories are opened.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

use crate::rootfs::ImagePath;

/// Bytes of a path that are opened at once; the kernel takes 4,095, and a tree can be deeper.
const PIECE: usize = 3 << 10;

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory of the host that is the root of a tree. The directory that was used last stays open: trees are written in
/// order, so that most look-ups find it.
#[derive(Debug)]
pub(crate) struct Dir {
    root: OwnedFd,
    last: Option<(ImagePath, OwnedFd)>,
}

impl Dir {
    /// The tree at a path of the host.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(openat(CWD, path, FLAGS, Mode::empty())?))
    }

    /// The tree whose root is open.
    pub(crate) fn new(root: OwnedFd) -> Self {
        Self { root, last: None }
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens a directory of the tree; an error if a link is on the way.
    pub(crate) fn at(&mut self, path: &ImagePath) -> io::Result<BorrowedFd<'_>> {
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
    pub(crate) fn parent(&mut self, path: &ImagePath) -> io::Result<BorrowedFd<'_>> {
        self.at(&path.parent().unwrap_or_else(ImagePath::root))
    }

    fn walk(&self, path: &ImagePath) -> io::Result<OwnedFd> {
        let mut at: Option<OwnedFd> = None;
        let mut rest = path.relative();
        while !rest.is_empty() {
            let cut = if rest.len() <= PIECE {
                rest.len()
            } else {
                // A name without a slash in a whole piece is longer than NAME_MAX: the kernel refuses it.
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

/// Whether an image has nothing at a path: no entry, or a link that leads nowhere or through a file.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Reads a regular file of the tree at `root` as a process inside would: links are followed, and absolute links and `..` end
/// at `root`. Other types of files, and mounts in the tree, are not opened.
pub(crate) fn read_file(root: impl AsFd, path: &[u8], largest: u64) -> io::Result<Vec<u8>> {
    // Opened with O_PATH first: really opening a device can have an effect, and opening a pipe waits for a writer.
    let file = open_in_root(root, path)?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not a regular file",
        ));
    }
    // By the descriptor, so that it is the file that was checked.
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(CWD, open, flags, Mode::empty())?);
    let mut text = Vec::new();
    file.take(largest + 1).read_to_end(&mut text)?;
    if text.len() as u64 > largest {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {largest} bytes"),
        ));
    }
    Ok(text)
}

fn open_in_root(root: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let path = std::ffi::OsStr::from_bytes(path);
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    // openat2(2): EAGAIN if a rename elsewhere keeps the kernel from proving that `..` stays inside.
    for _ in 0..100 {
        match openat2(root.as_fd(), path, flags, Mode::empty(), resolve) {
            Err(rustix::io::Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
    Err(rustix::io::Errno::AGAIN.into())
}
