//! [`walk`]: the entries of a tree on disk.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir as Entries, FileType, Mode, OFlags, Stat, lgetxattr, llistxattr, major, minor,
    openat, readlinkat, statat,
};

use super::dir::Dir;
use super::write::Inode;
use crate::rootfs::{ImagePath, Metadata, Mtime};

/// The largest list of attributes and the largest attribute that the kernel gives.
const XATTR: usize = 64 << 10;

/// An entry of a tree.
#[derive(Debug)]
pub(crate) struct WalkEntry {
    pub(crate) path: ImagePath,
    pub(crate) meta: Metadata,
    pub(crate) kind: WalkKind,
    /// Device and number, the same for all names of a file that has several.
    pub(crate) inode: Option<(u64, u64)>,
}

/// The file type of an entry.
#[derive(Debug)]
pub(crate) enum WalkKind {
    Directory,
    /// An open file and its size.
    File(OwnedFd, u64),
    Symlink(Vec<u8>),
    Other(Inode),
    Socket,
}

/// How a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WalkNext {
    /// With the entries of the directory.
    Into,
    /// With the entry after it.
    Over,
}

/// Calls `visit` with every entry of a tree: the root first, a directory before its entries, those in order.
pub(crate) fn walk<E: From<io::Error>>(
    dir: &mut Dir,
    mut visit: impl FnMut(WalkEntry) -> Result<WalkNext, E>,
) -> Result<(), E> {
    // A list in place of recursion: an image can nest directories deeper than a thread's stack.
    let mut todo = vec![ImagePath::root()];
    while let Some(path) = todo.pop() {
        let found = if path.is_root() {
            look(dir.root(), b".", path.clone())?
        } else {
            look(dir.parent(&path)?, path.file_name(), path.clone())?
        };
        let is_directory = matches!(found.kind, WalkKind::Directory);
        if visit(found)? == WalkNext::Into && is_directory {
            let mut names = Vec::new();
            let entries = Entries::read_from(dir.at(&path)?).map_err(io::Error::from)?;
            for entry in entries {
                let entry = entry.map_err(io::Error::from)?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    names.push(path.join(name));
                }
            }
            // The order of a directory on disk is random; the copies must not be.
            names.sort();
            todo.extend(names.into_iter().rev());
        }
    }
    Ok(())
}

fn look(parent: BorrowedFd<'_>, name: &[u8], path: ImagePath) -> io::Result<WalkEntry> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let device = || (major(stat.st_rdev), minor(stat.st_rdev));
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => WalkKind::Directory,
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = openat(parent, name, flags, Mode::empty())?;
            WalkKind::File(file, u64::try_from(stat.st_size).unwrap_or(0))
        }
        FileType::Symlink => WalkKind::Symlink(readlinkat(parent, name, Vec::new())?.into_bytes()),
        FileType::CharacterDevice => WalkKind::Other(Inode::Char(device().0, device().1)),
        FileType::BlockDevice => WalkKind::Other(Inode::Block(device().0, device().1)),
        FileType::Fifo => WalkKind::Other(Inode::Fifo),
        FileType::Socket => WalkKind::Socket,
        FileType::Unknown => return Err(io::Error::other("a file of unknown kind")),
    };
    // Directories count their subdirectories as links.
    let linked = stat.st_nlink > 1 && !matches!(kind, WalkKind::Directory);
    Ok(WalkEntry {
        meta: metadata(parent, name, &stat)?,
        kind,
        inode: linked.then_some((stat.st_dev, stat.st_ino)),
        path,
    })
}

fn metadata(parent: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> io::Result<Metadata> {
    // There is no `lgetxattrat` before Linux 6.13, and a link or a device cannot be opened: this path leads there without
    // following links of the image.
    let mut at = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
    at.extend_from_slice(name);
    let mut xattrs = BTreeMap::new();
    let mut list = Vec::with_capacity(XATTR);
    match llistxattr(at.as_slice(), rustix::buffer::spare_capacity(&mut list)) {
        Ok(_) | Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error.into()),
    }
    for name in list.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = Vec::with_capacity(XATTR);
        lgetxattr(
            at.as_slice(),
            name,
            rustix::buffer::spare_capacity(&mut value),
        )?;
        value.shrink_to_fit();
        xattrs.insert(name.to_vec(), value);
    }
    Ok(Metadata {
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: Mtime {
            secs: stat.st_mtime,
            nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        },
        xattrs,
    })
}
