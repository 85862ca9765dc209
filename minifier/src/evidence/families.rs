//! Data files that stand for one another: of catalogues, styles, templates or character sets one was used, by a name that
//! the program worked out, and so the others can be asked for too.
//!
//! Two shapes are known: files of one ending in one directory (`stylelib/*.mplstyle`), and the same file name in sibling
//! directories (`locale/*/LC_MESSAGES/django.mo`). Source code and plug-ins have readers of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::named::Given;
use super::reader::{Gathered, Reader};
use super::{EvidenceSource, Group, KeptFile, Origin, Rule, View};
use crate::analyze::ReadError;
use crate::rootfs::{ImagePath, RootFs};

/// Endings that other readers follow by name, or that stand for no data.
const NOT_DATA: [&str; 28] = [
    "a", "c", "cfg", "cjs", "class", "conf", "cpp", "h", "jar", "js", "json", "la", "map", "md",
    "mjs", "node", "php", "pl", "pm", "po", "pth", "py", "pyc", "pyi", "rb", "rst", "ts", "txt",
];
/// A directory in which anything at all lies says nothing about what belongs together.
const SHARED: [&str; 6] = ["/etc", "/bin", "/sbin", "/tmp", "/run", "/root"];
/// Directory components that may differ between two files of a family: `locale/*/LC_MESSAGES/x.mo` has the second last.
const MAX_LEVELS: usize = 3;
/// Larger families are a database, not a choice of one.
const MAX_MEMBERS: usize = 5_000;

/// Looks for the siblings of what was used.
#[derive(Default)]
pub(crate) struct Families {
    given: Given,
}

impl Reader for Families {
    fn rule(&self) -> Rule {
        Rule::Family
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let rootfs = view.files.rootfs;
        // By pattern, so that a directory of which many files were used is one family.
        let mut found: BTreeMap<String, (ImagePath, BTreeSet<ImagePath>)> = BTreeMap::new();
        for file in kept {
            if !file.used || file.named || !is_data(&file.path, view) {
                continue;
            }
            let mut add = |pattern: String, members: &dyn Fn() -> BTreeSet<ImagePath>| {
                let entry = found.entry(pattern);
                entry.or_insert_with(|| (file.path.clone(), members()));
            };
            if let (Some(directory), Some(ending)) = (file.path.parent(), ending(&file.path)) {
                let pattern = format!("{directory}/*.{ending}");
                add(pattern, &|| with_ending(rootfs, &directory, ending));
            }
            for (before, after) in varied(&file.path) {
                let pattern = format!("{before}/*/{after}");
                add(pattern, &|| in_siblings(rootfs, &before, &after));
            }
        }
        for (pattern, (first, members)) in found {
            if members.len() < 2 || members.len() > MAX_MEMBERS {
                continue;
            }
            let group = Group {
                rule: Rule::Family,
                name: pattern.clone(),
                source: EvidenceSource {
                    file: first,
                    line: None,
                    symbol: Some(pattern),
                },
                origin: Origin::Used,
                paths: members,
            };
            self.given.add(group, view, out);
        }
        Ok(())
    }
}

fn is_data(path: &ImagePath, view: &View<'_>) -> bool {
    let shared = |dir: &str| path.starts_with(&ImagePath::from(dir));
    let node = view.files.rootfs.get(path);
    let is_file = node.is_some_and(|node| node.content().is_some() && node.meta.mode & 0o111 == 0);
    let is_library = memchr::memmem::find(path.file_name(), b".so").is_some();
    is_file
        && !is_library
        && !SHARED.iter().any(|dir| shared(dir))
        && !ending(path).is_some_and(|ending| NOT_DATA.contains(&ending))
}

/// What follows the last dot of a file's name, if that is a word.
fn ending(path: &ImagePath) -> Option<&str> {
    let name = std::str::from_utf8(path.file_name()).ok()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let is_word = !ending.is_empty() && ending.chars().all(|c| c.is_ascii_alphanumeric());
    (!stem.is_empty() && is_word).then_some(ending)
}

fn with_ending(rootfs: &RootFs, directory: &ImagePath, ending: &str) -> BTreeSet<ImagePath> {
    let Some(node) = rootfs.lookup(directory) else {
        return BTreeSet::new();
    };
    let end = format!(".{ending}");
    let names = rootfs.children(node).keys();
    names
        .filter(|name| name.ends_with(end.as_bytes()))
        .map(|name| directory.join(name))
        .collect()
}

/// The ways to replace one directory of a path: what stands before and behind it, the nearest to the end first.
fn varied(path: &ImagePath) -> Vec<(ImagePath, ImagePathPart)> {
    let parts: Vec<&[u8]> = path.components().collect();
    let last = parts.len().saturating_sub(1);
    // Not the first two: `/usr/*/x` and `/usr/share/*/x` are no families.
    let places = (3..last).rev().take(MAX_LEVELS);
    places
        .map(|at| {
            let before = ImagePath::new(parts[..at].join(&b'/'));
            (before, ImagePathPart(parts[at + 1..].join(&b'/')))
        })
        .collect()
}

/// The end of a path, without a slash in front.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImagePathPart(Vec<u8>);

impl std::fmt::Display for ImagePathPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::rootfs::escape_bytes(&self.0))
    }
}

fn in_siblings(rootfs: &RootFs, before: &ImagePath, after: &ImagePathPart) -> BTreeSet<ImagePath> {
    let Some(node) = rootfs.lookup(before) else {
        return BTreeSet::new();
    };
    let directories = rootfs.children(node).iter();
    directories
        .filter(|(_, child)| rootfs.node(**child).is_dir())
        .map(|(name, _)| before.join(name).join(&after.0))
        .filter(|path| {
            rootfs
                .get(path)
                .is_some_and(|node| node.content().is_some())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_directory_of_a_path_varies_at_a_time() {
        let path = ImagePath::from("/usr/share/locale/de/LC_MESSAGES/x.mo");
        let varied: Vec<String> = varied(&path)
            .into_iter()
            .map(|(before, after)| format!("{before}/*/{after}"))
            .collect();
        assert_eq!(
            varied,
            [
                "/usr/share/locale/de/*/x.mo",
                "/usr/share/locale/*/LC_MESSAGES/x.mo"
            ]
        );
    }
}
