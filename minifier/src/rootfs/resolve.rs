//! Resolution of paths inside the merged tree, as the kernel would do it in a container: links never leave the root.
//!
//! Source: `path_resolution(7)`.

use super::{ImagePath, NodeId, RootFs};

/// `MAXSYMLINKS` of Linux.
const MAX_LINKS: usize = 40;

/// How a path resolves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Paths of the symbolic links that were followed, in order, each itself free of links on the way.
    pub links: Vec<ImagePath>,
    /// The entry at the end of the path, or the reason why there is none.
    pub end: End,
}

/// The end of the resolution of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At an entry of any kind.
    Found {
        /// The path of the entry, free of links.
        path: ImagePath,
        /// The node of that entry.
        node: NodeId,
    },
    /// At a name that does not exist.
    Missing {
        /// The first path, free of links, that does not exist.
        path: ImagePath,
    },
    /// At something that is not a directory, with more of the path to go.
    NotADirectory {
        /// The entry that is not a directory.
        path: ImagePath,
    },
    /// Nowhere: more than 40 links.
    Loop,
}

impl Resolution {
    /// The entry, if there is one.
    pub fn found(&self) -> Option<(&ImagePath, NodeId)> {
        match &self.end {
            End::Found { path, node } => Some((path, *node)),
            _ => None,
        }
    }
}

impl RootFs {
    /// Resolves `path` (relative ones from `base`), following every link on the way, and the last one too if
    /// `follow_last` is set. `path` is as a program passed it: `..` is taken after links, not lexically.
    pub fn resolve(&self, base: &ImagePath, path: &[u8], follow_last: bool) -> Resolution {
        self.resolve_in(&ImagePath::root(), base, path, follow_last)
    }

    /// [`Self::resolve`] as a process sees it whose root is `top` (after a chroot): absolute paths and links start
    /// there, and `..` does not leave it. `top` is free of links; paths in the answer are the image's.
    pub fn resolve_in(
        &self,
        top: &ImagePath,
        base: &ImagePath,
        path: &[u8],
        follow_last: bool,
    ) -> Resolution {
        let Some(top_node) = self.lookup(top) else {
            return Resolution {
                links: Vec::new(),
                end: End::Missing { path: top.clone() },
            };
        };
        let mut links = Vec::new();
        // What is still to be walked, last component first. A relative path starts with its base.
        let mut todo: Vec<Vec<u8>> = Vec::new();
        push_components(&mut todo, path);
        // `stat("f/")` fails with ENOTDIR for a file, and follows a link that `lstat("l")` would not
        // (path_resolution(7)).
        let trailing_slash = path.ends_with(b"/") && !todo.is_empty();
        let (mut at, mut node) = (top.clone(), top_node);
        if !path.starts_with(b"/") {
            // A base outside of `top` (a descriptor from before the chroot) is walked from the image's root.
            match base.as_bytes().strip_prefix(top.as_bytes()) {
                Some(below) if base.starts_with(top) => push_components(&mut todo, below),
                _ => {
                    push_components(&mut todo, base.as_bytes());
                    (at, node) = (ImagePath::root(), self.root());
                }
            }
        }
        while let Some(name) = todo.pop() {
            if !self.node(node).is_dir() {
                return Resolution {
                    links,
                    end: End::NotADirectory { path: at },
                };
            }
            match &*name {
                b"." => continue,
                // In the root, `..` is the root itself: that is what keeps a container, or a chroot, inside.
                b".." if at == *top => continue,
                b".." => {
                    // `at` has no links any more, so its parent by name is its parent in the tree.
                    at = at.parent().unwrap_or(at);
                    // The parent of a path that was walked exists.
                    node = self.lookup(&at).unwrap_or(node);
                    continue;
                }
                _ => {}
            }
            let next = at.join(&name);
            let Some(&child) = self.children(node).get(&*name) else {
                return Resolution {
                    links,
                    end: End::Missing { path: next },
                };
            };
            let target = self.node(child).link_target();
            match target.filter(|_| follow_last || trailing_slash || !todo.is_empty()) {
                Some(target) => {
                    // The kernel counts all links of a path and not those of one chain, and fails with ELOOP.
                    if links.len() == MAX_LINKS {
                        return Resolution {
                            links,
                            end: End::Loop,
                        };
                    }
                    links.push(next);
                    push_components(&mut todo, target);
                    // A relative target starts in the directory of the link, which is where the walk stands.
                    if target.starts_with(b"/") {
                        (at, node) = (top.clone(), top_node);
                    }
                }
                None => {
                    at = next;
                    node = child;
                }
            }
        }
        if trailing_slash && !self.node(node).is_dir() {
            return Resolution {
                links,
                end: End::NotADirectory { path: at },
            };
        }
        Resolution {
            links,
            end: End::Found { path: at, node },
        }
    }
}

fn push_components(todo: &mut Vec<Vec<u8>>, path: &[u8]) {
    let parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty());
    todo.extend(parts.rev().map(<[u8]>::to_vec));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{ContentRef, EntryKind, LayerEntry, LayerIndex, Metadata};

    fn tree(links: &[(&str, &str)], files: &[&str]) -> RootFs {
        let link = |&(path, target): &(&str, &str)| LayerEntry {
            path: path.into(),
            meta: Metadata::default(),
            kind: EntryKind::Symlink {
                target: target.into(),
            },
        };
        let file = |&path: &&str| LayerEntry {
            path: path.into(),
            meta: Metadata::default(),
            kind: EntryKind::File(ContentRef {
                layer: 0,
                at: 0,
                size: 0,
            }),
        };
        let entries = links
            .iter()
            .map(link)
            .chain(files.iter().map(file))
            .collect();
        RootFs::merge([LayerIndex { entries }]).unwrap()
    }

    fn end(rootfs: &RootFs, path: &str) -> String {
        match rootfs.resolve(&"/w".into(), path.as_bytes(), true).end {
            End::Found { path, .. } => format!("found {path}"),
            End::Missing { path } => format!("missing {path}"),
            End::NotADirectory { path } => format!("not a directory {path}"),
            End::Loop => "loop".into(),
        }
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        let t = tree(
            &[
                ("/bin", "usr/bin"),
                ("/usr/bin/sh", "/../../bin/dash"),
                ("/a", "b"),
                ("/b", "a"),
            ],
            &["/usr/bin/dash", "/w/f"],
        );
        assert_eq!(end(&t, "/bin/sh"), "found /usr/bin/dash");
        assert_eq!(end(&t, "/bin/../f"), "missing /usr/f");
        assert_eq!(end(&t, "f"), "found /w/f");
        assert_eq!(end(&t, "../../bin/dash"), "found /usr/bin/dash");
        assert_eq!(end(&t, "/a"), "loop");
        assert_eq!(end(&t, "/w/f/x"), "not a directory /w/f");
        assert_eq!(end(&t, "f/"), "not a directory /w/f");
        let links = t.resolve(&ImagePath::root(), b"/bin/sh", true).links;
        assert_eq!(links, ["/bin", "/usr/bin/sh", "/bin"].map(ImagePath::from));
    }

    #[test]
    fn a_chrooted_process_does_not_leave_its_root() {
        let t = tree(
            &[("/jail/a", "/b"), ("/jail/up", "../../b")],
            &["/b", "/jail/b", "/jail/d/f", "/out/f"],
        );
        let found = |base: &str, path: &str| {
            t.resolve_in(&"/jail".into(), &base.into(), path.as_bytes(), true)
                .found()
                .map(|(path, _)| path.to_string())
        };
        assert_eq!(found("/jail", "/a").as_deref(), Some("/jail/b"));
        assert_eq!(found("/jail/d", "../../up").as_deref(), Some("/jail/b"));
        assert_eq!(found("/jail/d", "f").as_deref(), Some("/jail/d/f"));
        assert_eq!(found("/out", "f").as_deref(), Some("/out/f"));
        assert_eq!(found("/jail", "/out/f"), None);
    }

    #[test]
    fn the_last_link_is_only_followed_when_asked() {
        let t = tree(
            &[("/bin", "usr/bin"), ("/usr/bin/sh", "dash")],
            &["/usr/bin/dash"],
        );
        let resolution = t.resolve(&ImagePath::root(), b"/bin/sh", false);
        assert_eq!(
            resolution.found().unwrap().0,
            &ImagePath::from("/usr/bin/sh")
        );
        assert_eq!(resolution.links, ["/bin"].map(ImagePath::from));
    }
}
