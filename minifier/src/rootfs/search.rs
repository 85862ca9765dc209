//! [`SearchPath`]: finding a program as `execvp` does, by path or by name on `PATH`.

use super::{ImagePath, Resolution, RootFs};

/// The value that container runtimes set if the image's config has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Directories in which programs are looked for, and where relative paths start.
#[derive(Debug, Clone)]
pub struct SearchPath {
    dirs: Vec<Vec<u8>>,
    cwd: ImagePath,
}

impl SearchPath {
    /// `values` are values of `PATH`, those that count more first.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>, cwd: ImagePath) -> Self {
        let mut dirs: Vec<Vec<u8>> = values.into_iter().flat_map(split).collect();
        // Only if no `PATH` is set: an empty value is one empty directory, the working directory.
        if dirs.is_empty() {
            dirs = split(DEFAULT_PATH).collect();
        }
        Self { dirs, cwd }
    }

    /// The same with another value of `PATH`.
    pub fn with_value(&self, value: &[u8]) -> Self {
        Self {
            dirs: value.split(|&b| b == b':').map(<[u8]>::to_vec).collect(),
            cwd: self.cwd.clone(),
        }
    }

    /// The directories in the order of the search; an empty one is the working directory.
    pub fn dirs(&self) -> &[Vec<u8>] {
        &self.dirs
    }

    /// The directory at which relative paths start.
    pub fn cwd(&self) -> &ImagePath {
        &self.cwd
    }

    /// How the path of the program resolves; it ends at a regular file that someone may execute.
    pub fn find(&self, rootfs: &RootFs, name: &[u8]) -> Option<Resolution> {
        if name.is_empty() {
            return None;
        }
        if name.contains(&b'/') {
            return executable(rootfs, &self.cwd, name);
        }
        self.dirs.iter().find_map(|dir| {
            // POSIX: an empty entry of `PATH` stands for the working directory.
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
    // Any of the execute bits: the user that runs it is not known here, and as root one of them is enough.
    let is_program = node.content().is_some() && node.meta.mode & 0o111 != 0;
    is_program.then_some(resolution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{ContentRef, EntryKind, LayerEntry, LayerIndex, Metadata};

    fn found(search: &SearchPath, name: &str) -> Option<String> {
        let entry = |(path, mode): &(&str, u32)| LayerEntry {
            path: (*path).into(),
            meta: Metadata {
                mode: *mode,
                ..Metadata::default()
            },
            kind: EntryKind::File(ContentRef {
                layer: 0,
                at: 0,
                size: 0,
            }),
        };
        let files = [
            ("/data/server", 0o644),
            ("/opt/server", 0o755),
            ("/usr/bin/server", 0o755),
            ("/w/tool", 0o755),
        ];
        let entries = files.iter().map(entry).collect();
        let rootfs = RootFs::merge([LayerIndex { entries }]).unwrap();
        let resolution = search.find(&rootfs, name.as_bytes())?;
        resolution.found().map(|(path, _)| path.to_string())
    }

    #[test]
    fn a_program_is_the_first_that_may_be_executed() {
        let search = SearchPath::new(["/data:/opt"], "/w".into());
        assert_eq!(found(&search, "server").as_deref(), Some("/opt/server"));
        assert_eq!(found(&search, "/data/server"), None);
        assert_eq!(found(&search, "./tool").as_deref(), Some("/w/tool"));
        assert_eq!(found(&search, "tool"), None);
        assert_eq!(found(&search, ""), None);
        let here = search.with_value(b":/opt");
        assert_eq!(found(&here, "tool").as_deref(), Some("/w/tool"));
        let default = SearchPath::new([], ImagePath::root());
        assert_eq!(
            found(&default, "server").as_deref(),
            Some("/usr/bin/server")
        );
    }
}
