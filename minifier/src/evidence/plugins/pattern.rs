//! [`PathPattern`]: the paths of the tree that a pattern of the table stands for.

use std::collections::BTreeSet;

use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Paths that one pattern gives; the largest set of data, all time zones twice, has 1,800.
const MAX_PATHS: usize = 20_000;

/// A path in which `*` stands for any part of a component, and `**` at the end for everything below.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathPattern(pub(crate) &'static str);

impl PathPattern {
    fn components(self) -> impl Iterator<Item = &'static [u8]> {
        let parts = self.0.split('/').filter(|part| !part.is_empty());
        parts.map(str::as_bytes)
    }

    /// Whether it stands for a path.
    pub(crate) fn matches(self, path: &ImagePath) -> bool {
        let mut names = path.components();
        for part in self.components() {
            if part == b"**" {
                return names.next().is_some();
            }
            if !names.next().is_some_and(|name| matches(part, name)) {
                return false;
            }
        }
        names.next().is_none()
    }

    /// The paths that exist, as they stand in the tree. Links to directories are followed: `/lib` is one to `/usr/lib`.
    pub(crate) fn find(self, rootfs: &RootFs) -> BTreeSet<ImagePath> {
        let mut at: BTreeSet<ImagePath> = [ImagePath::root()].into();
        for part in self.components() {
            let mut next = BTreeSet::new();
            for path in &at {
                if part == b"**" {
                    let below = rootfs.walk_below(path).skip(1);
                    next.extend(below.map(|(path, _)| path).take(MAX_PATHS));
                    continue;
                }
                let Some(node) = rootfs.lookup(path) else {
                    continue;
                };
                let children = rootfs.children(node);
                let names = children.keys().filter(|name| matches(part, name));
                next.extend(
                    names
                        .map(|name| directory(rootfs, path.join(name)))
                        .take(MAX_PATHS),
                );
            }
            at = next;
        }
        at
    }
}

/// Where a link leads, if that is a directory; the path itself otherwise.
fn directory(rootfs: &RootFs, path: ImagePath) -> ImagePath {
    let is_link = |node: NodeId| rootfs.node(node).link_target().is_some();
    if !rootfs.lookup(&path).is_some_and(is_link) {
        return path;
    }
    let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
    match resolution.found() {
        Some((end, node)) if rootfs.node(node).is_dir() => end.clone(),
        _ => path,
    }
}

/// Whether a component fits one of a pattern: what stands between stars, in its order.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut parts = pattern.split(|&byte| byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::TestImage;

    #[test]
    fn stars_stand_for_parts_of_a_component() {
        for (pattern, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "x", true),
            ("a*", "ab", true),
            ("*.so", "a.so.1", false),
            ("a*c*e", "abcde", true),
            ("a*b", "ab", true),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
        let below = PathPattern("/usr/lib/*/gconv/**");
        assert!(below.matches(&"/usr/lib/x/gconv/a/b".into()));
        assert!(!below.matches(&"/usr/lib/x/gconv".into()));
        assert!(!below.matches(&"/usr/lib/x/y/gconv/a".into()));
    }

    #[test]
    fn files_are_found_through_links_to_directories() {
        let image = TestImage::new()
            .link("/lib", "usr/lib")
            .file("/usr/lib/x/terminfo/l/linux", "")
            .link("/usr/lib/x/terminfo/l/vt", "linux")
            .build();
        let found = PathPattern("/lib/*/terminfo/**").find(&image.rootfs);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "/usr/lib/x/terminfo/l",
                "/usr/lib/x/terminfo/l/linux",
                "/usr/lib/x/terminfo/l/vt"
            ]
        );
    }
}
