//! The folder for things that are slow to make: `$XDG_CACHE_HOME/minifier` or `~/.cache/minifier`.
//!
//! Nothing in it is precious: removing the folder only makes the next run slower.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The cache folder, created when it does not exist.
pub fn dir() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    let dir = base.join("minifier");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    Ok(dir)
}

/// A folder of the cache, created when it does not exist.
pub fn subdir(name: &str) -> Result<PathBuf> {
    let dir = dir()?.join(name);
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    Ok(dir)
}

/// Returns `folder/key`, calling `fill` with an empty folder first if it is not there yet.
///
/// Only one process or thread fills it; the others wait. The folder appears under its name only after `fill`
/// succeeded, so an interrupted run leaves nothing that looks complete.
pub fn filled(folder: &str, key: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let done = subdir(folder)?.join(key);
    if done.is_dir() {
        return Ok(done);
    }
    let _lock = lock(&format!("{folder}/{key}"))?;
    if done.is_dir() {
        return Ok(done);
    }
    let building = done.with_file_name(format!(".building-{key}"));
    // A run that was killed may have left one; under the lock nobody else is filling it.
    if building.exists() {
        fs::remove_dir_all(&building).with_context(|| format!("remove {}", building.display()))?;
    }
    fs::create_dir(&building).with_context(|| format!("create {}", building.display()))?;
    let filled = fill(&building).and_then(|()| {
        fs::rename(&building, &done).with_context(|| format!("create {}", done.display()))
    });
    if filled.is_err() {
        // The error that matters is the one of `fill`; the next run removes what stays.
        let _ = fs::remove_dir_all(&building);
    }
    filled.map(|()| done)
}

/// Exclusive use of a part of the cache, or of something else that two commands must not change at the same time. It
/// ends when this is dropped, or with the process.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct Lock {
    _file: File,
}

/// Waits until no other process and no other thread holds the lock of this name.
///
/// A thread that asks for a lock that it holds waits for ever.
pub fn lock(name: &str) -> Result<Lock> {
    let path = subdir("locks")?.join(name.replace('/', "-"));
    let open = || -> std::io::Result<File> {
        let file = File::options().create(true).append(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("waiting until {name} is free");
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(file)
    };
    let file = open().with_context(|| format!("lock {}", path.display()))?;
    Ok(Lock { _file: file })
}

/// The root of the source tree. Cargo tells at run time where the package is (all packages lie right below the root);
/// what it told at compile time may be another clone that shares the target folder.
pub fn workspace_root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR");
    let mut root = package.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    root.pop();
    root
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A folder of the cache for one test, removed afterwards.
    struct Folder(String);

    impl Folder {
        fn new(name: &str) -> Self {
            Self(format!("test-{name}-{}", std::process::id()))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = dir().and_then(|dir| Ok(fs::remove_dir_all(dir.join(&self.0))?));
        }
    }

    #[test]
    fn a_folder_that_many_want_is_filled_once() {
        let folder = Folder::new("once");
        let fills = AtomicUsize::new(0);
        let fill = |path: &Path| {
            fills.fetch_add(1, Ordering::Relaxed);
            // Long enough for the others to come by.
            thread::sleep(Duration::from_millis(50));
            Ok(fs::write(path.join("file"), "whole")?)
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let path = filled(&folder.0, "key", fill).unwrap();
                    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "whole");
                });
            }
        });
        assert_eq!(fills.into_inner(), 1);
    }

    #[test]
    fn what_a_killed_run_left_is_not_mistaken_for_the_folder() {
        let folder = Folder::new("killed");
        let building = subdir(&folder.0).unwrap().join(".building-key");
        fs::create_dir(&building).unwrap();
        fs::write(building.join("half"), "").unwrap();
        let path = filled(&folder.0, "key", |path| {
            Ok(fs::write(path.join("file"), "")?)
        })
        .unwrap();
        assert!(path.join("file").exists() && !path.join("half").exists());
        assert!(!building.exists());
    }

    #[test]
    fn a_folder_that_could_not_be_filled_does_not_appear() {
        let folder = Folder::new("failed");
        let error = filled(&folder.0, "key", |_| anyhow::bail!("no network")).unwrap_err();
        assert_eq!(error.to_string(), "no network");
        assert_eq!(fs::read_dir(subdir(&folder.0).unwrap()).unwrap().count(), 0);
    }
}
