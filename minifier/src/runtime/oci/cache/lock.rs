//! Locks on folders. The kernel releases them when the process ends, however it ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, openat, statat};
use rustix::io::Errno;

/// How a folder is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Together with other readers.
    Shared,
    /// Exclusively.
    Alone,
}

/// Opens and locks the entry `name` of `parent`; `None` if it does not exist, or if others hold it.
///
/// An entry is removed only under an exclusive lock. So one that is locked and still has its name stays.
pub(crate) fn try_lock(parent: impl AsFd, name: &str, hold: Hold) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match openat(parent.as_fd(), name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    let operation = match hold {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(&fd, operation) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        other => other?,
    }
    // Between the opening and the lock, it may have been removed, and another may have been created under its name.
    let same = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(now) => {
            let held = fstat(&fd)?;
            (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino)
        }
        Err(Errno::NOENT) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(same.then_some(fd))
}
