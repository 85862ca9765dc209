//! [`Changes`]: what one layer makes of the tree below it, in overlayfs's terms.
//!
//! Takes a merged tree and the next layer; gives, beside the new tree, what a folder must hold that is put over the
//! lower one: each path once, its parents directories, whiteouts only if they hide something.

use std::collections::{BTreeMap, BTreeSet};

use super::{EntryKind, ImagePath, LayerIndex, MergeError, NodeId, RootFs};

/// The entry at a path of the upper folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A node of the new tree; nodes that stand at several paths are hard links.
    Node(NodeId),
    /// A directory of the new tree that hides the one below it instead of being merged with it.
    Opaque(NodeId),
    /// Nothing: what lies below is hidden.
    Hidden,
}

/// Changes by path; a directory comes right before what it holds, and the root is always the first.
pub type Changes = BTreeMap<ImagePath, Change>;

impl RootFs {
    /// Applies the next layer, whose number is `layer`, and tells what it changed.
    ///
    /// If a layer adds a name to a file of a lower layer, all names of that file are among the changes: they share
    /// owner, mode and times, which the new name sets.
    pub fn apply_layer(&mut self, layer: usize, index: LayerIndex) -> Result<Changes, MergeError> {
        let older = self.count();
        let mut before: BTreeMap<ImagePath, Option<NodeId>> = BTreeMap::new();
        let mut cleared = BTreeSet::new();
        let mut linked = BTreeSet::new();
        before.insert(ImagePath::root(), Some(self.root()));
        for entry in &index.entries {
            self.note(&mut before, &entry.path);
            // Its owner, mode and times change, even where a later entry takes the place of the new name.
            if let EntryKind::HardLink { target } = &entry.kind {
                linked.extend(self.lookup(target));
            }
            if entry.kind == EntryKind::OpaqueWhiteout
                && let Some(id) = self.lookup(&entry.path)
                && self.node(id).is_dir()
            {
                cleared.insert(entry.path.clone());
                // overlayfs merges the roots of all layers, whatever they say.
                if entry.path.is_root() {
                    for name in self.children(id).keys() {
                        let child = entry.path.join(name);
                        self.note(&mut before, &child);
                    }
                }
            }
        }
        self.apply(layer, index, Err)?;
        self.note_links(&mut before, older, linked);
        let mut changes = Changes::new();
        for (path, old) in before {
            let change = match (self.lookup(&path), old) {
                (None, None) => continue,
                (None, Some(_)) => match path.parent().and_then(|parent| changes.get(&parent)) {
                    Some(Change::Node(parent)) if self.node(*parent).is_dir() => Change::Hidden,
                    // What holds it is hidden itself.
                    _ => continue,
                },
                (Some(new), Some(old)) if !path.is_root() && self.node(new).is_dir() => {
                    let hides = new != old && self.node(old).is_dir();
                    if hides || cleared.contains(&path) {
                        Change::Opaque(new)
                    } else {
                        Change::Node(new)
                    }
                }
                (Some(new), _) => Change::Node(new),
            };
            changes.insert(path, change);
        }
        Ok(changes)
    }

    /// Notes what stands at a path and at those above it.
    fn note(&self, before: &mut BTreeMap<ImagePath, Option<NodeId>>, path: &ImagePath) {
        let above = std::iter::once(path.clone()).chain(path.ancestors());
        for path in above {
            if before.contains_key(&path) {
                break;
            }
            let id = self.lookup(&path);
            before.insert(path, id);
        }
    }

    /// Notes every name of the files that were there before and got a new one, and of those that are `linked` to.
    fn note_links(
        &self,
        before: &mut BTreeMap<ImagePath, Option<NodeId>>,
        older: usize,
        mut linked: BTreeSet<NodeId>,
    ) {
        linked.extend(before.keys().filter_map(|path| self.lookup(path)));
        linked.retain(|id| (id.0 as usize) < older && !self.node(*id).is_dir());
        if linked.is_empty() {
            return;
        }
        for (path, id) in self.walk() {
            if linked.contains(&id) {
                // A new one was noted above; any other was there before.
                self.note(before, &path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{ContentRef, LayerEntry, Metadata};

    fn layer(entries: &[(&str, EntryKind)]) -> LayerIndex {
        let entry = |(path, kind): &(&str, EntryKind)| LayerEntry {
            path: (*path).into(),
            meta: Metadata::default(),
            kind: kind.clone(),
        };
        LayerIndex {
            entries: entries.iter().map(entry).collect(),
        }
    }

    fn file() -> EntryKind {
        EntryKind::File(ContentRef {
            layer: 0,
            at: 0,
            size: 0,
        })
    }

    /// The changes that the last layer makes, as `path`, `path opaque` or `path hidden`.
    fn changes(layers: &[&[(&str, EntryKind)]]) -> Vec<String> {
        let mut rootfs = RootFs::default();
        let mut last = Changes::new();
        for (number, entries) in layers.iter().enumerate() {
            last = rootfs.apply_layer(number, layer(entries)).unwrap();
        }
        last.iter()
            .map(|(path, change)| match change {
                Change::Node(_) => path.to_string(),
                Change::Opaque(_) => format!("{path} opaque"),
                Change::Hidden => format!("{path} hidden"),
            })
            .collect()
    }

    #[test]
    fn parents_are_there_and_whiteouts_hide_only_what_is_there() {
        let found = changes(&[
            &[("/a/b", file())],
            &[
                ("/a/b", EntryKind::Whiteout),
                ("/a/none", EntryKind::Whiteout),
                ("/c/d/none", EntryKind::Whiteout),
                ("/c/e", file()),
            ],
        ]);
        assert_eq!(found, ["/", "/a", "/a/b hidden", "/c", "/c/e"]);
    }

    #[test]
    fn a_directory_that_was_replaced_is_opaque() {
        let lower: &[(&str, EntryKind)] = &[("/d/old", file()), ("/f", file())];
        for upper in [
            vec![("/d", EntryKind::OpaqueWhiteout), ("/d/new", file())],
            vec![("/d", EntryKind::Whiteout), ("/d/new", file())],
            vec![
                ("/d", file()),
                ("/d", EntryKind::Directory),
                ("/d/new", file()),
            ],
        ] {
            assert_eq!(changes(&[lower, &upper]), ["/", "/d opaque", "/d/new"]);
        }
        let found = changes(&[lower, &[("/f", EntryKind::Directory)]]);
        assert_eq!(found, ["/", "/f"], "a file below needs no hiding");
        let found = changes(&[
            lower,
            &[("/d/old", EntryKind::Whiteout), ("/d", EntryKind::Whiteout)],
        ]);
        assert_eq!(found, ["/", "/d hidden"]);
    }

    #[test]
    fn an_opaque_root_hides_each_name() {
        let found = changes(&[
            &[("/a/x", file()), ("/b", file()), ("/c", file())],
            &[
                ("/", EntryKind::OpaqueWhiteout),
                ("/a/y", file()),
                ("/c", file()),
            ],
        ]);
        assert_eq!(found, ["/", "/a opaque", "/a/y", "/b hidden", "/c"]);
    }

    #[test]
    fn a_new_name_of_a_lower_file_brings_its_other_names() {
        let link = |target: &str| EntryKind::HardLink {
            target: target.into(),
        };
        let found = changes(&[
            &[("/x/f", file()), ("/y/g", link("/x/f"))],
            &[("/l", link("/x/f"))],
        ]);
        assert_eq!(found, ["/", "/l", "/x", "/x/f", "/y", "/y/g"]);
        // The new name is gone again, what it did to the file's metadata stays.
        let found = changes(&[
            &[("/x/f", file()), ("/y/g", link("/x/f"))],
            &[("/l", link("/x/f")), ("/l", file())],
        ]);
        assert_eq!(found, ["/", "/l", "/x", "/x/f", "/y", "/y/g"]);
    }
}
