//! [`Initramfs`]: the archive that the kernel unpacks as its first root (cpio in its `newc` form, as
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel describes it).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// An archive under construction. Not compressed: the emulated machine would take longer to undo it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    inodes: u32,
}

impl Initramfs {
    /// Adds a file of this system at the absolute path `to`, with its permissions.
    pub(crate) fn file(&mut self, from: &Path, to: &str) -> Result<()> {
        let read = || -> std::io::Result<(Vec<u8>, u32)> {
            Ok((fs::read(from)?, fs::metadata(from)?.permissions().mode()))
        };
        let (bytes, mode) = read().with_context(|| format!("read {}", from.display()))?;
        self.bytes(&bytes, mode & 0o7777, to);
        Ok(())
    }

    /// Adds a file with these bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8], permissions: u32, to: &str) {
        self.above(to);
        self.entry(to, FILE | permissions, bytes);
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, target: &str, to: &str) {
        self.above(to);
        self.entry(to, LINK, target.as_bytes());
    }

    /// Adds a folder of this system with all that is in it.
    pub(crate) fn tree(&mut self, from: &Path, to: &str) -> Result<()> {
        let entries = fs::read_dir(from).with_context(|| format!("list {}", from.display()))?;
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            let path = from.join(&name);
            let to = format!("{to}/{}", name.to_str().context("a name that is no text")?);
            let kind = fs::symlink_metadata(&path)?.file_type();
            if kind.is_dir() {
                self.tree(&path, &to)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path)?;
                self.link(target.to_str().context("a link that is no text")?, &to);
            } else {
                self.file(&path, &to)?;
            }
        }
        Ok(())
    }

    /// The finished archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("/TRAILER!!!", 0, b"");
        self.bytes
    }

    /// Adds the folders above a path.
    fn above(&mut self, path: &str) {
        for (end, _) in path.match_indices('/').skip(1) {
            let folder = &path[..end];
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, DIRECTORY, b"");
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        self.inodes += 1;
        let name = path.trim_start_matches('/');
        // Inode, mode, owner, group, links, time, size, four device numbers, length of the name, no checksum.
        let size = u32::try_from(bytes.len()).expect("a file below 4 GiB");
        let length = u32::try_from(name.len() + 1).expect("a short name");
        let fields = [self.inodes, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    fn pad(&mut self) {
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_padded_and_have_their_folders() {
        let mut archive = Initramfs::default();
        archive.bytes(b"hello", 0o755, "/bin/sub/tool");
        archive.link("tool", "/bin/sub/other");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}"));
        assert!(at("bin\0") < at("bin/sub\0") && at("bin/sub\0") < at("bin/sub/tool\0"));
        assert_eq!(text.matches("bin/sub\0").count(), 1);
        assert!(text.contains("hello") && text.contains("TRAILER!!!"));
        assert_eq!(text.matches("070701").count(), 5);
    }
}
