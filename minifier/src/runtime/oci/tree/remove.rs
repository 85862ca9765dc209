//! Removing a tree of any depth.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir as Entries, Mode, OFlags, RenameFlags, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

/// Removes the tree `name` in the directory `parent`; does nothing if there is none.
///
/// Directories that are not empty are moved up, to the top of the tree, before they are emptied. So this takes two
/// descriptors and no stack, however deep a hostile image has made the tree.
pub(crate) fn remove_tree(parent: impl AsFd, name: &str) -> io::Result<()> {
    let top = match open(parent.as_fd(), name.as_bytes()) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(()),
        // A file, or a link (O_NOFOLLOW gives ELOOP, or ENOTDIR with O_DIRECTORY): removed itself.
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Ok(unlinkat(parent, name, AtFlags::empty())?);
        }
        Err(error) => return Err(error.into()),
    };
    let mut moved = 0_u64;
    loop {
        let names = names(&top)?;
        if names.is_empty() {
            break;
        }
        for name in names {
            if remove_one(&top, &name)? {
                continue;
            }
            let below = open(top.as_fd(), &name)?;
            for inner in self::names(&below)? {
                if !remove_one(&below, &inner)? {
                    move_up(&below, &inner, &top, &mut moved)?;
                }
            }
            unlinkat(&top, name, AtFlags::REMOVEDIR)?;
        }
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes an entry; returns false if it is a directory that is not empty.
fn remove_one(dir: &OwnedFd, name: &[u8]) -> io::Result<bool> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        // Linux reports EISDIR for a directory, POSIX asks for EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    match unlinkat(dir, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        // POSIX allows both.
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn move_up(from: &OwnedFd, name: &[u8], top: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    loop {
        *moved += 1;
        // The image may have used such a name itself: NOREPLACE, and the next number.
        let free = format!(".{moved}");
        match renameat_with(from, name, top, free.as_str(), RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn open(dir: impl AsFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty())
}

fn names(dir: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Entries::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, mkdirat};

    #[test]
    fn a_tree_deeper_than_any_path_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::symlink("/etc", path.join("link")).unwrap();
        let mut at = openat(CWD, &path, OFlags::DIRECTORY, Mode::empty()).unwrap();
        for depth in 0..5000 {
            let name = format!(".{}", depth % 3);
            mkdirat(&at, name.as_str(), Mode::RWXU).unwrap();
            mkdirat(&at, "side", Mode::RWXU).unwrap();
            at = openat(&at, name.as_str(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let parent = openat(CWD, folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        remove_tree(&parent, "t").unwrap();
        assert!(!path.exists() && std::path::Path::new("/etc/passwd").exists());
        remove_tree(&parent, "t").unwrap();
    }
}
