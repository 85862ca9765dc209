//! Finding a program as `execvp` does: by path, or by name on `PATH`.

use crate::rootfs::{ImagePath, Resolution, RootFs};

/// What container runtimes set where the image's config has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Directories in which programs are looked for, and where relative paths start.
#[derive(Debug, Clone)]
pub(super) struct SearchPath {
    dirs: Vec<Vec<u8>>,
    cwd: ImagePath,
}

impl SearchPath {
    /// `values` are values of `PATH`, those that count more first.
    pub(super) fn new<'a>(values: impl IntoIterator<Item = &'a str>, cwd: ImagePath) -> Self {
        let mut dirs: Vec<Vec<u8>> = values.into_iter().flat_map(split).collect();
        if dirs.is_empty() {
            dirs = split(DEFAULT_PATH).collect();
        }
        Self { dirs, cwd }
    }

    /// The same with another value of `PATH`.
    pub(super) fn with_value(&self, value: &[u8]) -> Self {
        Self {
            dirs: value.split(|&b| b == b':').map(<[u8]>::to_vec).collect(),
            cwd: self.cwd.clone(),
        }
    }

    /// The directories.
    pub(super) fn dirs(&self) -> &[Vec<u8>] {
        &self.dirs
    }

    /// Where relative paths start.
    pub(super) fn cwd(&self) -> &ImagePath {
        &self.cwd
    }

    /// How the path of the program resolves; it ends at a regular file that someone may execute.
    pub(super) fn find(&self, rootfs: &RootFs, name: &[u8]) -> Option<Resolution> {
        if name.is_empty() {
            return None;
        }
        if name.contains(&b'/') {
            return executable(rootfs, &self.cwd, name);
        }
        self.dirs.iter().find_map(|dir| {
            let path = if dir.is_empty() {
                name.to_vec()
            } else {
                [dir, b"/".as_slice(), name].concat()
            };
            executable(rootfs, &self.cwd, &path)
        })
    }
}

fn split(value: &str) -> impl Iterator<Item = Vec<u8>> {
    value.split(':').map(|dir| dir.as_bytes().to_vec())
}

fn executable(rootfs: &RootFs, cwd: &ImagePath, path: &[u8]) -> Option<Resolution> {
    let resolution = rootfs.resolve(cwd, path, true);
    let (_, node) = resolution.found()?;
    let node = rootfs.node(node);
    let is_program = node.content().is_some() && node.meta.mode & 0o111 != 0;
    is_program.then_some(resolution)
}
