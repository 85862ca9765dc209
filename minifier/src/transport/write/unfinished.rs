//! Archives that are being written, beside the file that each becomes: locked while their writer lives, so that the
//! next writer can tell what killed ones left.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, statat,
    unlinkat,
};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::temporary::TEMPORARY;

/// End of the names; layouts have unfinished files of their own, without it.
const SUFFIX: &str = ".tmp";

/// Makes an empty one in `folder`, which is removed unless it is put in its place.
pub(crate) fn make(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let made = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .suffix(SUFFIX)
            // tempfile creates with 0600; the archive is readable like any other file, as far as the umask allows.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        // On a file system without locks this fails, and so does every sweep: nothing is removed there.
        let lock = flock(made.as_file(), FlockOperation::NonBlockingLockExclusive);
        let swept = lock == Err(Errno::WOULDBLOCK) || made.as_file().metadata()?.nlink() == 0;
        // Between creating and locking it, another writer may have taken it for left behind.
        if !swept {
            return Ok(made);
        }
    }
}

/// Removes the ones in `folder` whose writer was killed, as far as possible.
pub(crate) fn sweep(folder: &Path) {
    // A folder that can be written to but not listed is no reason to fail.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let Ok(dir) = openat(
        CWD,
        folder,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    ) else {
        return;
    };
    for name in entries.flatten().map(|entry| entry.file_name()) {
        let bytes = name.as_encoded_bytes();
        if !bytes.starts_with(TEMPORARY.as_bytes()) || !bytes.ends_with(SUFFIX.as_bytes()) {
            continue;
        }
        let path = folder.join(&name);
        match remove_abandoned(&dir, &name) {
            Ok(true) => tracing::info!("removed {}, which a killed run had left", path.display()),
            Ok(false) => {}
            Err(error) => tracing::warn!("failed to remove {}: {error}", path.display()),
        }
    }
}

/// Removes the file if it belongs to this user and has no writer; returns whether it did.
fn remove_abandoned(dir: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    let look = || match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    };
    // Opening a pipe or a device can block or have side effects, so that is ruled out first.
    if !look()?.as_ref().is_some_and(is_own_file) {
        return Ok(false);
    }
    // For writing: NFS emulates `flock` by `fcntl` locks, and those need a descriptor for writing.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    // Its writer may have renamed it into place meanwhile; then the name is gone, or is another file.
    let held = fstat(&file)?;
    let is_same = |now: &Stat| (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino);
    if !is_own_file(&held) || !look()?.as_ref().is_some_and(is_same) {
        return Ok(false);
    }
    match unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(false),
        removed => Ok(removed.map(|()| true)?),
    }
}

fn is_own_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_nobody_writes_to_goes_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let written = make(folder.path()).unwrap();
        let (_, left) = make(folder.path()).unwrap().keep().unwrap();
        let stay = [".minifier-12-0", ".minifier-x.tmp.tar", "a.tmp", "target"];
        for name in stay {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir(at(".minifier-folder.tmp")).unwrap();
        symlink("target", at(".minifier-link.tmp")).unwrap();
        rustix::fs::mknodat(CWD, at(".minifier-pipe.tmp"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(left.exists());
        sweep(folder.path());
        assert!(!left.exists());
        assert!(written.path().exists(), "its writer is at work");
        let others = ["folder", "link", "pipe"].map(|name| format!(".minifier-{name}.tmp"));
        for name in stay.into_iter().chain(others.iter().map(String::as_str)) {
            assert!(at(name).symlink_metadata().is_ok(), "{name}");
        }
        drop(written);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7);
    }

    #[test]
    fn a_file_of_another_user_stays() {
        // Only root can give files away; the rule is the same for everybody.
        let mut stat = statat(CWD, "/proc/self/stat", AtFlags::empty()).unwrap();
        assert!(is_own_file(&stat));
        stat.st_uid += 1;
        assert!(!is_own_file(&stat));
    }
}
