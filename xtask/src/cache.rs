//! Where things that are slow to make are kept: `$XDG_CACHE_HOME/minifier` or `~/.cache/minifier`.
//!
//! Nothing in it is precious: removing the folder only makes the next run slower.

use std::env;
use std::fs;
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

/// Returns `folder/key`, calling `fill` with an empty folder first when it is not there yet.
///
/// The folder appears under its name only when `fill` succeeded, so an interrupted run leaves
/// nothing that looks complete.
pub fn filled(folder: &str, key: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let parent = subdir(folder)?;
    let done = parent.join(key);
    if done.is_dir() {
        return Ok(done);
    }
    let building = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(&parent)?;
    fill(building.path())?;
    match fs::rename(building.path(), &done) {
        Ok(()) => {
            let _moved = building.keep();
            Ok(done)
        }
        // Another process filled the same folder meanwhile; its contents have the same key.
        Err(_) if done.is_dir() => Ok(done),
        Err(error) => Err(error).with_context(|| format!("create {}", done.display())),
    }
}

/// The root of the source tree. Cargo tells at run time where the package is (all packages lie right below the root);
/// what it told at compile time may be another clone that shares the target folder.
pub fn workspace_root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR");
    let mut root = package.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    root.pop();
    root
}
