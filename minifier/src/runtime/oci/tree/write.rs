//! [`TreeWriter`]: writes a tree with owners, modes, times and extended attributes, below a directory that is its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod,
    fchown, fsetxattr, futimens, linkat, lsetxattr, makedev, mkdirat, mknodat, openat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::content::{self, Original};
use super::dir::Dir;
use crate::rootfs::{ImagePath, Metadata, Mtime};

/// Bytes copied at once; blocks of this size that are all zero become holes.
const BLOCK: usize = 256 << 10;
/// Attributes of overlayfs itself. An image must not decide how its layers are merged (`redirect` could show other files);
/// overlayfs hides them anyway.
const OVERLAY: &[u8] = b"trusted.overlay.";

/// A file that is no directory, regular file or symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inode {
    /// A character device, major and minor number.
    Char(u32, u32),
    /// A block device, major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

/// Writes a tree. Each path is given once, after the directory that holds it.
#[derive(Debug)]
pub(crate) struct TreeWriter {
    dir: Dir,
    /// Writing an entry changes the time of its directory, so these are set at the end.
    times: Vec<(ImagePath, Mtime)>,
    buffer: Vec<u8>,
}

impl TreeWriter {
    /// Writes below `dir`, an empty directory.
    pub(crate) fn new(dir: Dir) -> Self {
        Self {
            dir,
            times: Vec::new(),
            buffer: vec![0; BLOCK],
        }
    }

    /// Creates a directory, or gives the root its metadata.
    pub(crate) fn directory(&mut self, path: &ImagePath, meta: &Metadata) -> io::Result<()> {
        if !path.is_root() {
            let parent = self.dir.parent(path)?;
            mkdirat(parent, path.file_name(), Mode::RWXU)?;
        }
        set_all(self.dir.at(path)?, meta)?;
        self.times.push((path.clone(), meta.mtime));
        Ok(())
    }

    /// Makes a directory hide the one of the lower layers.
    pub(crate) fn opaque(&mut self, path: &ImagePath) -> io::Result<()> {
        let dir = self.dir.at(path)?;
        Ok(fsetxattr(
            dir,
            "trusted.overlay.opaque",
            b"y",
            XattrFlags::empty(),
        )?)
    }

    /// Creates a regular file of exactly `size` bytes.
    pub(crate) fn file(
        &mut self,
        path: &ImagePath,
        meta: &Metadata,
        content: &mut dyn Read,
        size: u64,
    ) -> io::Result<()> {
        let mut file = self.create(path)?;
        copy(content, &mut file, size, &mut self.buffer)?;
        set_all(file.as_fd(), meta)?;
        Ok(futimens(&file, &times(meta.mtime))?)
    }

    /// Creates a regular file with the content of another.
    pub(crate) fn copy_of(
        &mut self,
        path: &ImagePath,
        meta: &Metadata,
        original: &Original<'_>,
    ) -> io::Result<()> {
        let file = self.create(path)?;
        content::copy(original, &file, &mut self.buffer)?;
        set_all(file.as_fd(), meta)?;
        Ok(futimens(&file, &times(meta.mtime))?)
    }

    fn create(&mut self, path: &ImagePath) -> io::Result<File> {
        // EXCL and NOFOLLOW: an image that has a link and a file at one path must not write through the link.
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let parent = self.dir.parent(path)?;
        let file = openat(parent, path.file_name(), flags, Mode::RUSR | Mode::WUSR)?;
        Ok(File::from(file))
    }

    /// Gives the file at `first` another name.
    pub(crate) fn hard_link(&mut self, path: &ImagePath, first: &ImagePath) -> io::Result<()> {
        let from = self.dir.parent(first)?.try_clone_to_owned()?;
        let to = self.dir.parent(path)?;
        Ok(linkat(
            from,
            first.file_name(),
            to,
            path.file_name(),
            AtFlags::empty(),
        )?)
    }

    /// Creates a symbolic link.
    pub(crate) fn symlink(
        &mut self,
        path: &ImagePath,
        meta: &Metadata,
        target: &[u8],
    ) -> io::Result<()> {
        symlinkat(target, self.dir.parent(path)?, path.file_name())?;
        self.set_named(path, meta)
    }

    /// Creates a device or a named pipe.
    pub(crate) fn inode(
        &mut self,
        path: &ImagePath,
        meta: &Metadata,
        inode: Inode,
    ) -> io::Result<()> {
        let (kind, device) = match inode {
            Inode::Char(major, minor) => (FileType::CharacterDevice, makedev(major, minor)),
            Inode::Block(major, minor) => (FileType::BlockDevice, makedev(major, minor)),
            Inode::Fifo => (FileType::Fifo, 0),
        };
        let parent = self.dir.parent(path)?;
        mknodat(parent, path.file_name(), kind, Mode::RUSR, device)?;
        self.set_named(path, meta)?;
        // fchmodat(2) follows links, and opening a device has effects. The name was created just now, and only this process
        // writes here, so it is no link.
        let parent = self.dir.parent(path)?;
        rustix::fs::chmodat(parent, path.file_name(), mode(meta), AtFlags::empty())?;
        self.set_time(path, meta.mtime)
    }

    /// Creates a whiteout of overlayfs: a character device 0:0.
    pub(crate) fn whiteout(&mut self, path: &ImagePath) -> io::Result<()> {
        let parent = self.dir.parent(path)?;
        let name = path.file_name();
        Ok(mknodat(
            parent,
            name,
            FileType::CharacterDevice,
            Mode::empty(),
            makedev(0, 0),
        )?)
    }

    /// Sets the times of the directories; nothing may be written after it.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        for (path, mtime) in std::mem::take(&mut self.times).into_iter().rev() {
            futimens(self.dir.at(&path)?, &times(mtime))?;
        }
        Ok(())
    }

    /// Sets the metadata, but not the mode, of a file that cannot be opened: a link, a device or a pipe.
    fn set_named(&mut self, path: &ImagePath, meta: &Metadata) -> io::Result<()> {
        let (uid, gid) = owner(meta)?;
        let parent = self.dir.parent(path)?;
        let name = path.file_name();
        chownat(
            parent,
            name,
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
        if !meta.xattrs.is_empty() {
            let mut at = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
            at.extend_from_slice(name);
            set_xattrs(meta, |name, value| {
                lsetxattr(at.as_slice(), name, value, XattrFlags::empty())
            })?;
        }
        self.set_time(path, meta.mtime)
    }

    fn set_time(&mut self, path: &ImagePath, mtime: Mtime) -> io::Result<()> {
        let parent = self.dir.parent(path)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(utimensat(parent, path.file_name(), &times(mtime), flags)?)
    }
}

/// Owner first: chown(2) clears set-user-ID bits and removes `security.capability`.
fn set_all(fd: BorrowedFd<'_>, meta: &Metadata) -> io::Result<()> {
    let (uid, gid) = owner(meta)?;
    fchown(fd, Some(uid), Some(gid))?;
    fchmod(fd, mode(meta))?;
    set_xattrs(meta, |name, value| {
        fsetxattr(fd, name, value, XattrFlags::empty())
    })
}

fn mode(meta: &Metadata) -> Mode {
    Mode::from_raw_mode(meta.mode & 0o7777)
}

fn owner(meta: &Metadata) -> io::Result<(Uid, Gid)> {
    // chown(2) takes -1 as "do not change": the file would stay root's, possibly with a set-user-ID bit.
    if meta.uid == u32::MAX || meta.gid == u32::MAX {
        let message = format!("owner {}:{} cannot exist", meta.uid, meta.gid);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok((Uid::from_raw(meta.uid), Gid::from_raw(meta.gid)))
}

fn set_xattrs(
    meta: &Metadata,
    set: impl Fn(&[u8], &[u8]) -> rustix::io::Result<()>,
) -> io::Result<()> {
    for (name, value) in &meta.xattrs {
        if name.starts_with(OVERLAY) {
            continue;
        }
        match set(name, value) {
            Ok(()) => {}
            // This file system, or this type of file, cannot have it (`user.*` on links). Container engines ignore that too.
            Err(Errno::OPNOTSUPP | Errno::PERM) => tracing::debug!(
                name = %String::from_utf8_lossy(name),
                "an extended attribute cannot be kept here"
            ),
            Err(error) => {
                let name = String::from_utf8_lossy(name);
                let message = format!(
                    "set extended attribute {name:?}: {}",
                    io::Error::from(error)
                );
                return Err(io::Error::new(io::Error::from(error).kind(), message));
            }
        }
    }
    Ok(())
}

fn times(mtime: Mtime) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.secs,
        tv_nsec: i64::from(mtime.nanos.min(999_999_999)),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn copy(from: &mut dyn Read, to: &mut File, size: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut left = size;
    let mut hole = false;
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let got = fill(from, &mut buffer[..want])?;
        if got < want {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= want as u64;
        // Databases and disk images are mostly zeros; as holes they take no space in the cache.
        hole = want == BLOCK && buffer.iter().all(|b| *b == 0);
        if hole {
            to.seek(SeekFrom::Current(BLOCK as i64))?;
        } else {
            to.write_all(&buffer[..want])?;
        }
    }
    if from.read(&mut buffer[..1])? != 0 {
        let message = format!("it contains more than the expected {size} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    // A seek alone does not make the file longer.
    if hole {
        to.set_len(size)?;
    }
    Ok(())
}

fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
