//! Putting layers on top of each other: whiteouts, entries, hard links.

use std::collections::BTreeMap;

use super::{MergeError, ROOT, RootFs, implied_directory};
use crate::rootfs::{
    EntryKind, ImagePath, LayerEntry, LayerIndex, Metadata, Node, NodeId, NodeKind,
};

impl RootFs {
    /// Merges layers, lowest first.
    pub fn merge(layers: impl IntoIterator<Item = LayerIndex>) -> Result<Self, MergeError> {
        let mut rootfs = Self::default();
        for (layer, index) in layers.into_iter().enumerate() {
            rootfs.apply(layer, index, Err)?;
        }
        Ok(rootfs)
    }

    /// Puts a layer on top of what is there. `on_error` decides whether an entry that cannot be applied is passed over (`Ok`).
    ///
    /// Whiteouts hide lower layers only, so they all come before this layer's own entries, wherever they stand.
    pub fn apply(
        &mut self,
        layer: usize,
        index: LayerIndex,
        mut on_error: impl FnMut(MergeError) -> Result<(), MergeError>,
    ) -> Result<(), MergeError> {
        for entry in &index.entries {
            match entry.kind {
                EntryKind::Whiteout => self.remove(&entry.path),
                EntryKind::OpaqueWhiteout => self.clear(&entry.path),
                _ => {}
            }
        }
        let mut deferred = Vec::new();
        for entry in index.entries {
            match &entry.kind {
                EntryKind::Whiteout | EntryKind::OpaqueWhiteout => {}
                // A tar may name a link before its target; the kernel's overlay does not care about the order of a
                // tar, so neither do we.
                EntryKind::HardLink { target } if self.lookup(target).is_none() => {
                    deferred.push(entry);
                }
                _ => self.add(layer, entry).or_else(&mut on_error)?,
            }
        }
        deferred
            .into_iter()
            .try_for_each(|entry| self.add(layer, entry).or_else(&mut on_error))
    }

    fn add(&mut self, layer: usize, entry: LayerEntry) -> Result<(), MergeError> {
        let LayerEntry { path, meta, kind } = entry;
        let kind = match kind {
            EntryKind::Directory => return self.add_directory(layer, &path, meta),
            EntryKind::HardLink { target } => {
                return self.add_hard_link(layer, &path, target, meta);
            }
            EntryKind::File(content) => NodeKind::File { content },
            EntryKind::Symlink { target } => NodeKind::Symlink { target },
            EntryKind::CharDevice { major, minor } => NodeKind::CharDevice { major, minor },
            EntryKind::BlockDevice { major, minor } => NodeKind::BlockDevice { major, minor },
            EntryKind::Fifo => NodeKind::Fifo,
            EntryKind::Whiteout | EntryKind::OpaqueWhiteout => return Ok(()),
        };
        // The root itself as a file or a link: nothing could lie below it.
        let Some(parent) = path.parent() else {
            return Err(MergeError::NotADirectory {
                layer,
                path: path.clone(),
                ancestor: path,
            });
        };
        let parent = self.make_parents(layer, &path, &parent)?;
        let id = self.push(layer, Node { meta, kind, layer })?;
        self.children_mut(parent)
            .insert(path.file_name().into(), id);
        Ok(())
    }

    fn add_directory(
        &mut self,
        layer: usize,
        path: &ImagePath,
        meta: Metadata,
    ) -> Result<(), MergeError> {
        // What lies at the path itself may be replaced, what lies above it must be a directory.
        if let Some(parent) = path.parent() {
            self.make_parents(layer, path, &parent)?;
            // A directory takes the place of a file or a link of the same name, whichever layer had it, as when the
            // layers are unpacked over each other.
            if self.lookup(path).is_some_and(|id| !self.node(id).is_dir()) {
                self.remove(path);
            }
        }
        let id = self.make_parents(layer, path, path)?;
        let node = &mut self.nodes[id.0 as usize];
        node.meta = meta;
        node.layer = layer;
        if let NodeKind::Directory { implied, .. } = &mut node.kind {
            *implied = false;
        }
        Ok(())
    }

    /// The entry's metadata becomes that of the file: container engines set owner, mode and times through every
    /// name they extract, and changing the owner takes the file's capabilities away.
    fn add_hard_link(
        &mut self,
        layer: usize,
        path: &ImagePath,
        target: ImagePath,
        meta: Metadata,
    ) -> Result<(), MergeError> {
        let path = path.clone();
        let Some(id) = self.lookup(&target) else {
            return Err(MergeError::HardLinkTarget {
                layer,
                path,
                target,
            });
        };
        let parent = match path.parent() {
            Some(parent) if !self.node(id).is_dir() => parent,
            _ => {
                return Err(MergeError::HardLinkToDirectory {
                    layer,
                    path,
                    target,
                });
            }
        };
        let parent = self.make_parents(layer, &path, &parent)?;
        self.children_mut(parent)
            .insert(path.file_name().into(), id);
        let node = &mut self.nodes[id.0 as usize];
        let mut xattrs = std::mem::take(&mut node.meta.xattrs);
        // chown(2) clears it, and engines change the owner after every name that they extract.
        xattrs.remove(&b"security.capability"[..]);
        xattrs.extend(meta.xattrs);
        node.meta = Metadata { xattrs, ..meta };
        Ok(())
    }

    /// The directory `dir`, made if it is missing; `path` is the entry that asks for it.
    fn make_parents(
        &mut self,
        layer: usize,
        path: &ImagePath,
        dir: &ImagePath,
    ) -> Result<NodeId, MergeError> {
        let mut at = ROOT;
        for (depth, name) in dir.components().enumerate() {
            let existing = self.children(at).get(name).copied();
            at = match existing {
                Some(id) if self.node(id).is_dir() => id,
                // A lower layer's link gives way to a directory, but within one layer the archive contradicts itself:
                // an unpacker would follow the link, out of the folder if it leads there.
                Some(id) if self.node(id).layer == layer => {
                    // Put together here only: for each step of a deep path it would cost the square of its length.
                    let walked: Vec<&[u8]> = dir.components().take(depth + 1).collect();
                    return Err(MergeError::NotADirectory {
                        layer,
                        path: path.clone(),
                        ancestor: ImagePath::new(walked.join(&b'/')),
                    });
                }
                _ => {
                    // Tars need not have entries for parents; engines make them with mode 0755 and root as the owner.
                    let id = self.push(layer, implied_directory(layer))?;
                    self.children_mut(at).insert(name.into(), id);
                    id
                }
            };
        }
        Ok(at)
    }

    fn push(&mut self, layer: usize, node: Node) -> Result<NodeId, MergeError> {
        let id =
            u32::try_from(self.nodes.len()).map_err(|_| MergeError::TooManyEntries { layer })?;
        self.nodes.push(node);
        Ok(NodeId(id))
    }

    fn remove(&mut self, path: &ImagePath) {
        if let Some(parent) = path.parent().and_then(|parent| self.lookup(&parent))
            && let NodeKind::Directory { children, .. } = &mut self.nodes[parent.0 as usize].kind
        {
            children.remove(path.file_name());
        }
    }

    fn clear(&mut self, path: &ImagePath) {
        if let Some(id) = self.lookup(path)
            && let NodeKind::Directory { children, .. } = &mut self.nodes[id.0 as usize].kind
        {
            children.clear();
        }
    }

    fn children_mut(&mut self, id: NodeId) -> &mut BTreeMap<Box<[u8]>, NodeId> {
        match &mut self.nodes[id.0 as usize].kind {
            NodeKind::Directory { children, .. } => children,
            other => unreachable!("children of {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::ContentRef;

    fn entry(path: &str, kind: EntryKind) -> LayerEntry {
        LayerEntry {
            path: path.into(),
            meta: Metadata::default(),
            kind,
        }
    }

    fn file(path: &str, layer: u32) -> LayerEntry {
        entry(
            path,
            EntryKind::File(ContentRef {
                layer,
                at: 0,
                size: 1,
            }),
        )
    }

    fn layer(entries: &[LayerEntry]) -> LayerIndex {
        LayerIndex {
            entries: entries.to_vec(),
        }
    }

    fn paths(rootfs: &RootFs) -> Vec<String> {
        rootfs
            .walk()
            .skip(1)
            .map(|(path, _)| path.to_string())
            .collect()
    }

    #[test]
    fn opaque_whiteout_keeps_siblings_of_same_layer() {
        let rootfs = RootFs::merge([
            layer(&[file("/d/old", 0)]),
            layer(&[
                file("/d/before", 1),
                entry("/d", EntryKind::OpaqueWhiteout),
                file("/d/z", 1),
            ]),
        ])
        .unwrap();
        assert_eq!(paths(&rootfs), ["/d", "/d/before", "/d/z"]);
    }

    #[test]
    fn whiteout_and_new_entry_of_one_name_give_the_new_entry() {
        let rootfs = RootFs::merge([
            layer(&[file("/d/a", 0), file("/d/b", 0)]),
            layer(&[file("/d/new", 1), entry("/d", EntryKind::Whiteout)]),
        ])
        .unwrap();
        assert_eq!(paths(&rootfs), ["/d", "/d/new"]);
    }

    #[test]
    fn hard_links_share_a_node_also_when_the_target_comes_later() {
        let link = entry(
            "/l",
            EntryKind::HardLink {
                target: "/t".into(),
            },
        );
        let rootfs = RootFs::merge([layer(&[link, file("/t", 0)])]).unwrap();
        assert_eq!(rootfs.lookup(&"/l".into()), rootfs.lookup(&"/t".into()));
    }

    #[test]
    fn the_last_name_of_a_file_sets_its_metadata() {
        let with = |path: &str, mode, xattr: &[u8], kind| {
            let xattrs = BTreeMap::from([(xattr.to_vec(), b"x".to_vec())]);
            LayerEntry {
                path: path.into(),
                meta: Metadata {
                    mode,
                    xattrs,
                    ..Metadata::default()
                },
                kind,
            }
        };
        let content = ContentRef {
            layer: 0,
            at: 0,
            size: 1,
        };
        let rootfs = RootFs::merge([layer(&[
            with(
                "/f",
                0o600,
                b"security.capability",
                EntryKind::File(content),
            ),
            with(
                "/l",
                0o640,
                b"user.a",
                EntryKind::HardLink {
                    target: "/f".into(),
                },
            ),
        ])])
        .unwrap();
        let meta = &rootfs.get(&"/f".into()).unwrap().meta;
        assert_eq!(meta.mode, 0o640);
        assert_eq!(meta.xattrs.keys().collect::<Vec<_>>(), [b"user.a"]);
    }

    #[test]
    fn hard_link_to_nothing_is_an_error_that_names_both() {
        let link = entry(
            "/l",
            EntryKind::HardLink {
                target: "/t".into(),
            },
        );
        let error = RootFs::merge([layer(&[link])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "merge layer 0: hard link /l points to /t, which does not exist"
        );
    }

    #[test]
    fn a_directory_entry_keeps_lower_children_and_takes_over_the_metadata() {
        let rootfs = RootFs::merge([
            layer(&[file("/d/a", 0)]),
            layer(&[LayerEntry {
                path: "/d".into(),
                meta: Metadata {
                    mode: 0o700,
                    ..Metadata::default()
                },
                kind: EntryKind::Directory,
            }]),
        ])
        .unwrap();
        let node = rootfs.get(&"/d".into()).unwrap();
        assert_eq!((node.meta.mode, node.layer), (0o700, 1));
        assert_eq!(paths(&rootfs), ["/d", "/d/a"]);
    }

    #[test]
    fn a_directory_replaces_a_lower_link_and_a_file_replaces_a_lower_directory() {
        let rootfs = RootFs::merge([
            layer(&[
                entry(
                    "/lib",
                    EntryKind::Symlink {
                        target: b"usr/lib".to_vec(),
                    },
                ),
                file("/d/a", 0),
            ]),
            layer(&[file("/lib/x", 1), file("/d", 1)]),
        ])
        .unwrap();
        assert_eq!(paths(&rootfs), ["/d", "/lib", "/lib/x"]);
        assert!(rootfs.get(&"/lib".into()).unwrap().is_dir());
    }

    #[test]
    fn an_entry_below_a_link_of_its_own_layer_is_refused() {
        let error = RootFs::merge([layer(&[
            entry(
                "/a",
                EntryKind::Symlink {
                    target: b"/etc".to_vec(),
                },
            ),
            file("/a/passwd", 0),
        ])])
        .unwrap_err();
        assert!(matches!(error, MergeError::NotADirectory { .. }), "{error}");
    }
}
