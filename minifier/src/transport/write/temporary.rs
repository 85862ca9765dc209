//! [`Temporary`]: a file of a folder that is written to, until it is complete.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat};
use rustix::io::Errno;

/// Prefix of the names of incomplete files.
pub(crate) const TEMPORARY: &str = ".minifier-";

/// An incomplete file, removed unless it is put in its place.
pub(crate) struct Temporary {
    dir: OwnedFd,
    name: String,
    pub(crate) file: File,
    put: bool,
}

impl Temporary {
    /// Creates an empty one in `dir`.
    pub(crate) fn new(dir: &OwnedFd) -> io::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let make = |name: &str| rustix::fs::openat(dir, name, flags, Mode::from(0o666));
        let (name, file) = under_free_name(make)?;
        Self::named(dir, name, file.into())
    }

    /// Gives `file` a name in `dir`. `None` if it has a name already, or cannot get one there: it is on another file
    /// system, or on one without unnamed files (`O_TMPFILE`).
    pub(crate) fn link(dir: &OwnedFd, file: &File) -> io::Result<Option<Self>> {
        // A file with a name can be written to through it, by whoever gave the name.
        if file.metadata()?.nlink() > 0 {
            return Ok(None);
        }
        // The way of open(2), "O_TMPFILE": `AT_EMPTY_PATH` would need CAP_DAC_READ_SEARCH.
        let at = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = |name: &str| linkat(CWD, &at, dir, name, AtFlags::SYMLINK_FOLLOW);
        // Any refusal (EXDEV, EPERM, no /proc) only means that the bytes are copied.
        let Ok((name, ())) = under_free_name(link) else {
            return Ok(None);
        };
        Self::named(dir, name, file.try_clone()?).map(Some)
    }

    fn named(dir: &OwnedFd, name: String, file: File) -> io::Result<Self> {
        Ok(Self {
            dir: dir.try_clone()?,
            name,
            file,
            put: false,
        })
    }

    /// Puts it in its place. Its bytes are durable then; its name is once the folder is synced.
    pub(crate) fn put(mut self, dir: &OwnedFd, name: &str) -> io::Result<()> {
        self.file.sync_all()?;
        rustix::fs::renameat(&self.dir, &self.name, dir, name)?;
        self.put = true;
        Ok(())
    }
}

/// Calls `make` with one name after the other until one is free.
fn under_free_name<T>(make: impl Fn(&str) -> Result<T, Errno>) -> io::Result<(String, T)> {
    let mut number = 0u32;
    loop {
        let name = format!("{TEMPORARY}{}-{number}", std::process::id());
        match make(&name) {
            Ok(made) => return Ok((name, made)),
            Err(Errno::EXIST) => number += 1,
            Err(e) => return Err(e.into()),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.put {
            let _ = rustix::fs::unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_without_a_name_gets_one_once_and_loses_it_unless_it_is_put_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let dir = OwnedFd::from(File::open(folder.path()).unwrap());
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        let unnamed = || {
            let mut file = tempfile::tempfile_in(folder.path()).unwrap();
            file.write_all(b"blob").unwrap();
            file
        };
        let file = unnamed();
        let linked = Temporary::link(&dir, &file).unwrap().expect("a name");
        assert!(Temporary::link(&dir, &file).unwrap().is_none());
        linked.put(&dir, "there").unwrap();
        assert_eq!(std::fs::read(folder.path().join("there")).unwrap(), b"blob");
        let again = Temporary::link(&dir, &file).unwrap();
        assert!(again.is_none(), "it has another name");
        drop(Temporary::link(&dir, &unnamed()).unwrap().expect("a name"));
        assert_eq!(names(), 1);
        // Another file system.
        let foreign = tempfile::tempfile_in("/dev/shm").unwrap();
        assert!(Temporary::link(&dir, &foreign).unwrap().is_none());
    }
}
