//! Programs, files and directories that an executable names in its data: `/bin/gzip` in logrotate, `/etc/login.defs` in
//! usermod.
//!
//! Executables only: a library's paths are those of all its users. What a program was built with and never opens is named
//! in the same way, so that linker files, libraries and large files do not count.

use std::collections::BTreeSet;
use std::io::Read;

use super::named::{DirectoryReach, Given, Namer};
use super::reader::{Gathered, Reader};
use super::{KeptFile, Origin, Rule, View};
use crate::analyze::{ElfKind, ReadError};
use crate::rootfs::{ImagePath, NodeId};

/// Larger executables hold a runtime with the paths of everything that it could do (a browser, a Go service).
const MAX_EXECUTABLE: u64 = 16 << 20;
/// Paths that one executable names; GNU programs name a handful, bash thirty.
const MAX_NAMED: usize = 200;
/// Larger files are no settings.
const MAX_FILE: u64 = 256 << 10;
/// Longer strings are no paths that a program has built in.
const MAX_PATH: usize = 128;

/// Where executables name something that they are likely to open or run.
const PLACES: [&str; 9] = [
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/libexec/",
    "/usr/local/",
    "/etc/",
    "/var/",
    "/usr/lib/",
];

/// Reads executables.
#[derive(Default)]
pub(crate) struct Programs {
    given: Given,
    read: BTreeSet<NodeId>,
}

impl Reader for Programs {
    fn rule(&self) -> Rule {
        Rule::Program
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for file in kept {
            if !is_executable(file, view)? || !self.read.insert(file.node) {
                continue;
            }
            let mut namer = Namer::of(Rule::Program, file, &mut self.given, view, out);
            // The text of a program that the application brought is its own word; that of a package is not.
            namer.origin = namer.origin.max(Origin::Used);
            for path in named_paths(file, view)? {
                if is_wanted(&path, view) {
                    namer.path(&path, DirectoryReach::Itself, None);
                }
            }
        }
        Ok(())
    }
}

/// An ELF program, not a library; that of a package manager is none that an application needs.
fn is_executable(file: &KeptFile, view: &View<'_>) -> Result<bool, ReadError> {
    let node = view.files.rootfs.node(file.node);
    let Some(content) = node.content() else {
        return Ok(false);
    };
    if node.meta.mode & 0o111 == 0
        || content.size > MAX_EXECUTABLE
        || view.is_maintenance(file.node)
        || contains(file.path.file_name(), b".so")
    {
        return Ok(false);
    }
    if !view.files.is_elf(&file.path, file.node)? {
        return Ok(false);
    }
    let elf = view.files.elf(&file.path, content)?;
    Ok(elf.is_ok_and(|elf| elf.kind == ElfKind::Loadable && elf.soname.is_none()))
}

/// Strings of the file that are absolute paths and end with a zero, as C has them.
fn named_paths(file: &KeptFile, view: &View<'_>) -> Result<BTreeSet<String>, ReadError> {
    let mut bytes = Vec::new();
    if let Some(reader) = view.files.open(&file.path, file.node)? {
        let read = reader.take(MAX_EXECUTABLE).read_to_end(&mut bytes);
        read.map_err(|source| ReadError {
            path: file.path.clone(),
            source,
        })?;
    }
    let starts = memchr::memmem::find_iter(&bytes, b"\0/").map(|at| at + 1);
    let strings = starts.filter_map(|start| {
        let rest = &bytes[start..bytes.len().min(start + MAX_PATH)];
        let end = memchr::memchr(0, rest)?;
        let text = std::str::from_utf8(&rest[..end]).ok()?;
        let plain = |c: char| c.is_ascii_graphic() && !"%$*?\\\"'`<>|&;()[]{}~".contains(c);
        (end > 4 && text.chars().all(plain)).then(|| text.to_owned())
    });
    Ok(strings
        .filter(|path| PLACES.iter().any(|place| path.starts_with(place)))
        .take(MAX_NAMED)
        .collect())
}

/// A program that can be run, a small file that is no library, or a directory.
fn is_wanted(path: &str, view: &View<'_>) -> bool {
    let Some((target, node)) = view.existing(path.as_bytes()) else {
        // The directory of a log or a socket; below `/var` and `/run` only, where programs write.
        return path.starts_with("/var/");
    };
    let node = view.files.rootfs.node(node);
    if node.is_dir() {
        return true;
    }
    let bytes = target.as_bytes();
    let in_programs = contains(bytes, b"bin/") || contains(bytes, b"/libexec/");
    let is_program = in_programs && node.meta.mode & 0o111 != 0;
    let is_linkers = bytes.starts_with(b"/etc/ld.so") || target == ImagePath::from("/etc/shells");
    is_program || (node.size() <= MAX_FILE && !is_linkers && !contains(target.file_name(), b".so"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
