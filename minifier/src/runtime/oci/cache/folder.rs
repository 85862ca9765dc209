//! The folder of the cache: its default place, and the check that no other user can write to it.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::runtime::error::{RuntimeError, host};

/// The folders of an open cache.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) path: PathBuf,
    /// Layers that are complete.
    pub(crate) layers: OwnedFd,
    /// Layers that are being unpacked or removed.
    pub(crate) new: OwnedFd,
    /// One folder for each running container.
    runs: OwnedFd,
}

impl Folders {
    /// Opens the folders at `path`, and makes those that are missing.
    pub(crate) fn open(path: &Path) -> Result<Self, RuntimeError> {
        let path =
            std::path::absolute(path).map_err(host(format!("find folder {}", path.display())))?;
        make(&path)?;
        Ok(Self {
            layers: make_private(&path.join("layers"))?,
            new: make_private(&path.join("new"))?,
            runs: make_private(&path.join("runs"))?,
            path,
        })
    }

    /// The folder of the containers, open and by its path.
    pub(crate) fn runs(&self) -> (BorrowedFd<'_>, PathBuf) {
        (self.runs.as_fd(), self.path.join("runs"))
    }
}

/// `$XDG_CACHE_HOME/minifier`, `~/.cache/minifier`, or `/var/cache/minifier` if there is no home.
pub(crate) fn default_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let base = variable("XDG_CACHE_HOME").and_then(absolute).or_else(|| {
        let home = variable("HOME").and_then(absolute)?;
        Some(home.join(".cache"))
    });
    base.unwrap_or_else(|| "/var/cache".into()).join("minifier")
}

/// Creates the folder and its parents. A folder that others can write to is refused: they could exchange a layer, which
/// is then run as root.
fn make(path: &Path) -> Result<OwnedFd, RuntimeError> {
    let refused = |reason: &str| RuntimeError::CacheFolder {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let doing = || format!("make folder {}", path.display());
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(host(doing()))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty()).map_err(host(doing()))?;
    // Checked through the descriptor: the name could lead to another folder by then.
    let found = fs::File::from(fd);
    let meta = found.metadata().map_err(host(doing()))?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("it belongs to someone else"));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(refused("others may write to it"));
    }
    Ok(found.into())
}

/// Creates a folder in the cache that no other user can enter: it contains the image's set-user-ID programs and devices,
/// which work for everybody who can reach them.
fn make_private(path: &Path) -> Result<OwnedFd, RuntimeError> {
    let fd = make(path)?;
    rustix::fs::fchmod(&fd, Mode::RWXU).map_err(host(format!("close {}", path.display())))?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_the_environment() {
        let with = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, PathBuf)> = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), PathBuf::from(v)))
                .collect();
            default_folder(|name| {
                let found = pairs.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            })
        };
        let both = [("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(with(&both), Path::new("/x/minifier"));
        let relative = [("XDG_CACHE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(with(&relative), Path::new("/h/.cache/minifier"));
        assert_eq!(with(&[]), Path::new("/var/cache/minifier"));
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        make(&path).unwrap();
        rustix::fs::chmod(&path, Mode::from_raw_mode(0o777)).unwrap();
        let error = make(&path).unwrap_err();
        assert!(
            error.to_string().ends_with("others may write to it"),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
}
