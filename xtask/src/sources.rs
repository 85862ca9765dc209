//! Hashes of parts of the source tree, and what has passed with them: so that what is slow runs again only after a
//! change of what it tests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::cache;

/// A hash over files by name and content.
#[derive(Debug, Default)]
pub(crate) struct Sources(Sha256);

impl Sources {
    /// Adds a file, or all files below a folder, each by its path below `root`.
    pub(crate) fn add(&mut self, root: &Path, path: &str) -> Result<()> {
        let mut files = Vec::new();
        list(root, Path::new(path), &mut files)?;
        files.sort();
        for file in files {
            let whole = root.join(&file);
            let bytes = fs::read(&whole).with_context(|| format!("read {}", whole.display()))?;
            self.add_bytes(file.to_string_lossy().as_bytes());
            self.add_bytes(&bytes);
        }
        Ok(())
    }

    /// Adds something that is no file, such as an option of a compiler.
    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// SHA-256, in hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }
}

fn list(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let whole = root.join(path);
    let doing = || format!("list {}", whole.display());
    if !fs::metadata(&whole).with_context(doing)?.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    for entry in fs::read_dir(&whole).with_context(doing)? {
        list(root, &path.join(entry?.file_name()), files)?;
    }
    Ok(())
}

/// A check that has passed, or not, with sources as they are now.
#[derive(Debug)]
pub(crate) struct Passed {
    stamp: PathBuf,
    hash: String,
}

impl Passed {
    /// `check` is its name; `paths` are the files and folders that it tests, below the root of the source tree.
    pub(crate) fn of(check: &str, paths: &[impl AsRef<str>]) -> Result<Self> {
        let root = cache::workspace_root();
        let mut sources = Sources::default();
        for path in paths {
            sources.add(&root, path.as_ref())?;
        }
        Ok(Self {
            stamp: cache::subdir("passed")?.join(check),
            hash: sources.finish(),
        })
    }

    /// Whether it passed with these sources.
    pub(crate) fn has(&self) -> bool {
        // A stamp that cannot be read is that of a check to be repeated.
        fs::read_to_string(&self.stamp).is_ok_and(|hash| hash == self.hash)
    }

    /// To be called once it has passed.
    pub(crate) fn record(&self) -> Result<()> {
        let doing = || format!("write {}", self.stamp.display());
        fs::write(&self.stamp, &self.hash).with_context(doing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(root: &Path, path: &str) -> String {
        let mut sources = Sources::default();
        sources.add(root, path).unwrap();
        sources.finish()
    }

    #[test]
    fn a_hash_is_that_of_names_and_contents_below_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        write("a/b/one", "1");
        write("other", "1");
        let before = hash(root.path(), "a");
        write("other", "2");
        assert_eq!(hash(root.path(), "a"), before);
        write("a/b/one", "2");
        let changed = hash(root.path(), "a");
        assert_ne!(changed, before);
        fs::rename(root.path().join("a/b/one"), root.path().join("a/b/two")).unwrap();
        assert_ne!(hash(root.path(), "a"), changed);
        assert!(Sources::default().add(root.path(), "gone").is_err());
    }

    #[test]
    fn a_check_has_passed_once_it_is_recorded_and_until_its_sources_change() {
        let folder = tempfile::tempdir().unwrap();
        let with = |hash: &str| Passed {
            stamp: folder.path().join("check"),
            hash: hash.into(),
        };
        assert!(!with("1").has());
        with("1").record().unwrap();
        assert!(with("1").has() && !with("2").has());
    }
}
