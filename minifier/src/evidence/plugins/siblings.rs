//! Plug-ins beside one that a process loaded: its directory is a directory of plug-ins, though no table has it.

use std::collections::{BTreeMap, BTreeSet};

use super::pattern::PathPattern;
use super::table::NAMINGS;
use crate::analyze::ReadError;
use crate::evidence::{KeptFile, View};
use crate::rootfs::ImagePath;

/// Where the dynamic linker looks: libraries there are found by their names.
const LINKER: [&str; 10] = [
    "/lib",
    "/lib/*-linux-*",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib/*-linux-*",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib/*-linux-*",
];
/// Modules of languages have readers of their own, or names that their sources say.
const LANGUAGES: [&[u8]; 5] = [
    b"site-packages",
    b"dist-packages",
    b"lib-dynload",
    b"node_modules",
    b"auto",
];
/// Files of one directory that are looked at.
const MAX_SIBLINGS: usize = 2_000;

/// Directories of which the siblings were given.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    seen: BTreeSet<(ImagePath, Vec<u8>)>,
}

impl Siblings {
    /// The plug-ins beside those among the files that a process loaded and nothing names, by the one that shows it.
    pub(crate) fn of(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
    ) -> Result<BTreeMap<ImagePath, BTreeSet<ImagePath>>, ReadError> {
        let rootfs = view.files.rootfs;
        let mut found = BTreeMap::new();
        for file in kept {
            if !file.used || file.named {
                continue;
            }
            let (Some(directory), Some(ending)) =
                (file.path.parent(), ending(file.path.file_name()))
            else {
                continue;
            };
            if !is_of_plugins(&directory) || !view.files.is_elf(&file.path, file.node)? {
                continue;
            }
            if !self.seen.insert((directory.clone(), ending.to_vec())) {
                continue;
            }
            let Some(node) = rootfs.lookup(&directory) else {
                continue;
            };
            let mut siblings = BTreeSet::new();
            for (name, &sibling) in rootfs
                .children(node)
                .iter()
                .filter(|(name, _)| self::ending(name) == Some(ending))
                .take(MAX_SIBLINGS)
            {
                let path = directory.join(name);
                if path != file.path && view.files.is_elf(&path, sibling)? {
                    siblings.insert(path);
                }
            }
            found.insert(file.path.clone(), siblings);
        }
        Ok(found)
    }
}

/// The ending of a library from `.so` on.
fn ending(name: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(name, b".so")?;
    let ending = &name[at..];
    (at > 0 && (ending.len() == 3 || ending[3] == b'.')).then_some(ending)
}

fn is_of_plugins(directory: &ImagePath) -> bool {
    let is_linker = LINKER
        .iter()
        .any(|pattern| PathPattern(pattern).matches(directory));
    let is_language = directory.components().any(|name| LANGUAGES.contains(&name));
    // What is loaded there, configuration says.
    let complete = NAMINGS.iter().filter(|naming| naming.complete);
    let mut named = complete.flat_map(|naming| naming.directories);
    !is_linker && !is_language && !named.any(|pattern| PathPattern(pattern).matches(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_begin_at_the_last_so() {
        assert_eq!(ending(b"mod_x.so"), Some(&b".so"[..]));
        assert_eq!(ending(b"libx.so.1.2"), Some(&b".so.1.2"[..]));
        assert_eq!(ending(b".so"), None);
        assert_eq!(ending(b"x.sock"), None);
    }

    #[test]
    fn directories_of_the_linker_and_of_languages_hold_no_plugins() {
        for (directory, expected) in [
            ("/usr/lib/x86_64-linux-gnu", false),
            ("/usr/local/lib", false),
            ("/usr/lib/python3/dist-packages/numpy/core", false),
            ("/usr/lib/apache2/modules", false),
            ("/usr/lib/postgresql/15/lib", true),
            (
                "/usr/lib/x86_64-linux-gnu/ImageMagick-6.9.11/modules-Q16/coders",
                true,
            ),
            ("/opt/app/plugins", true),
        ] {
            assert_eq!(is_of_plugins(&directory.into()), expected, "{directory}");
        }
    }
}
