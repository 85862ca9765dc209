//! Folders that are written to: created if they are missing, and locked.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::transport::control::Control;

/// How often a locked folder is tried again.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Folders that are removed when this is dropped, if they are empty.
pub(crate) struct MadeDirs(pub(crate) Vec<PathBuf>);

impl MadeDirs {
    /// Keeps the folders, and returns them.
    pub(crate) fn keep(mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0)
    }
}

impl Drop for MadeDirs {
    fn drop(&mut self) {
        for dir in self.0.iter().rev() {
            // `rmdir` refuses a folder with anything in it, so nobody else's files are lost.
            let _ = std::fs::remove_dir(dir);
        }
    }
}

/// Creates a folder and those above it; returns the ones that were missing, outermost first.
pub(crate) fn make_dirs(path: &Path) -> io::Result<Vec<PathBuf>> {
    // Remembered before they are created: `create_dir_all` does not say which ones were new.
    let mut missing: Vec<PathBuf> = path
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    std::fs::create_dir_all(path)?;
    Ok(missing)
}

pub(crate) fn open_dir(at: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, path, flags, Mode::empty())?)
}

/// Waits until no other writer holds the folder.
pub(crate) fn lock(dir: &OwnedFd, control: &Control) -> io::Result<()> {
    loop {
        // A blocking `flock` could not be cancelled.
        match rustix::fs::flock(dir, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) => {
                control.advance(0)?;
                std::thread::sleep(LOCK_POLL);
            }
            Err(e) => return Err(e.into()),
        }
    }
}
