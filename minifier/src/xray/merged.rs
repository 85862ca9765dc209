//! [`Merged`]: the merged layers, and the changes that each made to the ones below it.

use std::collections::HashSet;

use super::marks::{LayerChanges, LayerMarks, MarkedPath};
use super::model::Mark;
use super::roots::Roots;
use super::scan::Scan;
use crate::rootfs::{ContentRef, EntryKind, ImagePath, LayerIndex, NodeId, RootFs};

/// Problems of one layer's entries that are listed.
const MAX_PROBLEMS: usize = 20;

/// The merged tree, the files of all layers and the files that the merged tree shows.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) rootfs: RootFs,
    /// Changes that each layer made, lowest first.
    pub(crate) layers: Vec<LayerChanges>,
    /// Every file body of every layer, by path, then by layer.
    pub(crate) bodies: Vec<Body>,
    /// Every path of a regular file in the merged tree, in order.
    pub(crate) files: Vec<VisibleFile>,
    /// Changes that layers made to paths, by path, then by layer.
    pub(crate) marked: Vec<MarkedPath>,
    /// Entries that could not be merged.
    pub(crate) problems: Vec<String>,
}

/// A file body of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) path: ImagePath,
    pub(crate) content: ContentRef,
    /// Whether the merged tree shows it, under this name or another one.
    pub(crate) visible: bool,
}

/// A path of a regular file in the merged tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisibleFile {
    pub(crate) path: ImagePath,
    pub(crate) node: NodeId,
    pub(crate) content: ContentRef,
    /// Whether this is the first name of the file. Sums go over first names, so that hard links count once.
    pub(crate) first: bool,
}

impl Merged {
    /// Merges the layers of a scan, whose entries it takes.
    pub(crate) fn new(scan: &mut Scan) -> Self {
        let mut merged = Self::default();
        let mut alive = vec![true];
        for layer in 0..scan.layers.len() {
            let index = std::mem::take(&mut scan.layers[layer].index);
            merged.apply(layer, index, &mut alive, scan);
        }
        merged.list_files();
        merged.hide_marked();
        merged
    }

    fn apply(&mut self, layer: usize, index: LayerIndex, alive: &mut Vec<bool>, scan: &Scan) {
        // Marks compare a layer with the tree below it, so they are made before the layer is applied.
        let rows = LayerMarks::new(&self.rootfs, layer, scan, index.entries.len());
        let (mut changes, hides, mut rows) = self.changes(&index, rows);
        self.marked.append(&mut rows);
        for entry in &index.entries {
            if let EntryKind::File(content) = entry.kind {
                self.bodies.push(Body {
                    path: entry.path.clone(),
                    content,
                    visible: false,
                });
            }
        }
        let mut problems = Vec::new();
        // One bad entry (a name that is too long, a link to nothing) must not cost the rest of the layer.
        let applied = self.rootfs.apply(layer, index, |error| {
            if problems.len() < MAX_PROBLEMS {
                problems.push(error.to_string());
            }
            Ok(())
        });
        problems.extend(applied.err().map(|error| error.to_string()));
        self.problems.append(&mut problems);
        // Finding what became unreachable walks the whole tree. Most layers only add files, and then nothing can have.
        if hides {
            let now = reachable(&self.rootfs);
            for (id, _) in now.iter().enumerate().filter(|(_, now)| !**now) {
                if alive.get(id).copied().unwrap_or(false) {
                    let node = self.rootfs.node(NodeId::from_index(id));
                    changes.hides = changes.hides.saturating_add(node.size());
                }
            }
            *alive = now;
        } else {
            alive.resize(self.rootfs.count(), true);
        }
        self.layers.push(changes);
    }

    /// The changes that a layer makes to the tree so far, whether it can hide anything, and its change to each path.
    fn changes(
        &self,
        index: &LayerIndex,
        mut rows: LayerMarks<'_>,
    ) -> (LayerChanges, bool, Vec<MarkedPath>) {
        let mut changes = LayerChanges::default();
        let mut hides = false;
        let mut seen = HashSet::new();
        for entry in &index.entries {
            let (existing, below_a_file) = find(&self.rootfs, &entry.path);
            // A file of a lower layer becomes a directory if a higher layer has an entry below it.
            hides |= below_a_file;
            if !matches!(entry.kind, EntryKind::Whiteout | EntryKind::OpaqueWhiteout) {
                rows.add(entry, existing, below_a_file);
            }
            match &entry.kind {
                EntryKind::Whiteout => {
                    hides |= existing.is_some();
                    changes.whiteouts.insert(entry.path.clone());
                }
                EntryKind::OpaqueWhiteout => {
                    hides |= existing.is_some();
                    changes.opaque.insert(entry.path.clone());
                }
                EntryKind::Directory => {
                    hides |= existing.is_some_and(|id| !self.rootfs.node(id).is_dir());
                }
                kind => {
                    hides |= existing.is_some();
                    if let EntryKind::File(content) = kind {
                        changes.size = changes.size.saturating_add(content.size);
                    }
                    // A tar can have a path twice. The last entry wins, and it hides the bytes of the first.
                    if seen.insert(&entry.path) {
                        match existing {
                            Some(_) => changes.changed += 1,
                            None => changes.added += 1,
                        }
                    } else {
                        hides = true;
                    }
                }
            }
        }
        // Roots, since whiteouts can lie in each other and a path below two of them is removed once.
        let hidden = changes.whiteouts.iter().chain(&changes.opaque);
        for path in Roots::new(hidden.cloned()).as_slice() {
            let below = self.rootfs.walk_below(path).count() as u64;
            // An opaque whiteout hides the contents of a directory, and the directory itself stays.
            changes.removed += if changes.whiteouts.contains(path) {
                below
            } else {
                below.saturating_sub(1)
            };
        }
        let rows = rows.finish(index, &changes);
        (changes, hides, rows)
    }

    fn list_files(&mut self) {
        let mut seen = vec![false; self.rootfs.count()];
        let mut visible: HashSet<(u32, u64)> = HashSet::new();
        for (path, node) in self.rootfs.walk() {
            if let Some(content) = self.rootfs.node(node).content() {
                let first = !std::mem::replace(&mut seen[node.index()], true);
                // By place and not by path: a hard link shows the bytes of a body under another name.
                visible.insert((content.layer, content.at));
                self.files.push(VisibleFile {
                    path,
                    node,
                    content,
                    first,
                });
            }
        }
        for body in &mut self.bodies {
            body.visible = visible.contains(&(body.content.layer, body.content.at));
        }
        for row in &mut self.marked {
            row.hidden = row.at.is_some_and(|at| !visible.contains(&(row.layer, at)));
        }
        self.bodies
            .sort_by(|a, b| (&a.path, a.content).cmp(&(&b.path, b.content)));
    }

    /// Sorts the rows, and says which of those without content a later one of the same path hides.
    fn hide_marked(&mut self) {
        self.marked
            .sort_by(|a, b| (&a.path, a.layer).cmp(&(&b.path, b.layer)));
        for rows in self.marked.chunk_by_mut(|a, b| a.path == b.path) {
            let mut later = None;
            for row in rows.iter_mut().rev() {
                // A layer that repeats a directory, or only changes the owner, leaves what was there visible.
                let kept = matches!(later, None | Some(Mark::Metadata));
                row.hidden |= row.at.is_none() && row.mark != Mark::Removed && !kept;
                later = Some(row.mark);
            }
        }
    }

    /// The bodies that layers have at a path, lowest layer first.
    pub(crate) fn bodies_at(&self, path: &ImagePath) -> &[Body] {
        let start = self.bodies.partition_point(|body| body.path < *path);
        let length = self.bodies[start..].partition_point(|body| body.path == *path);
        &self.bodies[start..start + length]
    }

    /// Files that the merged tree shows, each once.
    pub(crate) fn first_files(&self) -> impl Iterator<Item = &VisibleFile> {
        self.files.iter().filter(|file| file.first)
    }

    /// Bytes of the files that the merged tree shows.
    pub(crate) fn visible_size(&self) -> u64 {
        self.first_files()
            .fold(0, |sum: u64, file| sum.saturating_add(file.content.size))
    }
}

/// The node at a path, and whether something on the way to it is not a directory.
fn find(rootfs: &RootFs, path: &ImagePath) -> (Option<NodeId>, bool) {
    let mut at = rootfs.root();
    for name in path.components() {
        match rootfs.children(at).get(name) {
            Some(&child) => at = child,
            None => return (None, !rootfs.node(at).is_dir()),
        }
    }
    (Some(at), false)
}

/// For each node, whether it can be reached from the root.
fn reachable(rootfs: &RootFs) -> Vec<bool> {
    let mut reached = vec![false; rootfs.count()];
    let mut stack = vec![rootfs.root()];
    while let Some(id) = stack.pop() {
        reached[id.index()] = true;
        stack.extend(rootfs.children(id).values());
    }
    reached
}
