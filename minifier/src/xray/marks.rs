//! [`LayerMarks`]: changes that a layer makes to paths, against the tree of the layers below it.

use std::collections::{BTreeSet, HashSet};

use super::model::Mark;
use super::scan::Scan;
use crate::rootfs::{
    ContentRef, EntryKind, ImagePath, LayerEntry, LayerIndex, Metadata, NodeId, NodeKind, RootFs,
};

/// Summary of the changes that a layer made to the ones below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LayerChanges {
    /// Bytes of its files.
    pub(crate) size: u64,
    /// Files that no lower layer had.
    pub(crate) added: u64,
    /// Files that replace one.
    pub(crate) changed: u64,
    /// Paths of lower layers that its whiteouts hide.
    pub(crate) removed: u64,
    /// Bytes of lower layers that it hides.
    pub(crate) hides: u64,
    /// Paths that its whiteouts hide.
    pub(crate) whiteouts: BTreeSet<ImagePath>,
    /// Directories of which it hides what lower layers have in them.
    pub(crate) opaque: BTreeSet<ImagePath>,
}

/// A change that a layer made to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkedPath {
    pub(crate) path: ImagePath,
    pub(crate) layer: u32,
    pub(crate) mark: Mark,
    /// Whether a later entry hides it; of a file, whether nothing shows its bytes.
    pub(crate) hidden: bool,
    /// Bytes of a file.
    pub(crate) size: u64,
    /// Place of the content in the layer; `None` if it is not a file.
    pub(crate) at: Option<u64>,
}

/// The marked paths of one layer, as they are found.
pub(crate) struct LayerMarks<'a> {
    marked: Vec<MarkedPath>,
    /// The merged layers below.
    rootfs: &'a RootFs,
    layer: u32,
    scan: &'a Scan,
    /// Files of lower layers that are directories now, since something lies below them.
    replaced: BTreeSet<ImagePath>,
    /// Directories of lower layers that are something else now.
    emptied: Vec<ImagePath>,
}

impl<'a> LayerMarks<'a> {
    pub(crate) fn new(rootfs: &'a RootFs, layer: usize, scan: &'a Scan, entries: usize) -> Self {
        Self {
            marked: Vec::with_capacity(entries),
            rootfs,
            layer: layer as u32,
            scan,
            replaced: BTreeSet::new(),
            emptied: Vec::new(),
        }
    }

    /// Takes an entry that is not a whiteout. `existing` is the node at its path; `below_a_file` says whether something
    /// on the way to it is not a directory.
    pub(crate) fn add(&mut self, entry: &LayerEntry, existing: Option<NodeId>, below_a_file: bool) {
        if below_a_file {
            self.replaced.extend(self.not_a_directory(&entry.path));
        }
        let was_directory = existing.is_some_and(|id| self.rootfs.node(id).is_dir());
        // A file or link in place of a directory hides everything in it, without any whiteout.
        if was_directory && entry.kind != EntryKind::Directory {
            self.emptied.push(entry.path.clone());
        }
        if let Some(mark) = self.mark(entry, existing) {
            self.push(&entry.path, mark, content(entry));
        }
    }

    /// The marked, with one for each path that is not there any more.
    pub(crate) fn finish(mut self, index: &LayerIndex, changes: &LayerChanges) -> Vec<MarkedPath> {
        let whiteouts = changes.whiteouts.len() + changes.opaque.len();
        if whiteouts + self.emptied.len() + self.replaced.len() > 0 {
            let entries = index.entries.iter().filter(|entry| {
                !matches!(entry.kind, EntryKind::Whiteout | EntryKind::OpaqueWhiteout)
            });
            // Tools that replace a directory write a whiteout and the new files: these paths are changed, not removed.
            let own: HashSet<&ImagePath> = entries.map(|entry| &entry.path).collect();
            for path in std::mem::take(&mut self.replaced) {
                if !own.contains(&path) {
                    self.push(&path, Mark::Changed, None);
                }
            }
            self.removed(changes, &own);
        }
        self.marked
    }

    /// The path above `path` at which the layers below have something that is no directory.
    fn not_a_directory(&self, path: &ImagePath) -> Option<ImagePath> {
        let (mut at, mut end) = (self.rootfs.root(), 0);
        for name in path.components() {
            end += 1 + name.len();
            at = *self.rootfs.children(at).get(name)?;
            if !self.rootfs.node(at).is_dir() {
                return Some(ImagePath::new(&path.as_bytes()[..end]));
            }
        }
        None
    }

    /// Every path of the layers below that whiteouts hide, or that lies in a directory that is not one any more.
    fn removed(&mut self, changes: &LayerChanges, own: &HashSet<&ImagePath>) {
        let rootfs = self.rootfs;
        let emptied = std::mem::take(&mut self.emptied);
        let whiteouts = changes.whiteouts.iter().map(|path| (path, false));
        let opaque = changes.opaque.iter().chain(&emptied);
        let opaque = opaque.map(|path| (path, true));
        let tops: BTreeSet<(&ImagePath, bool)> = whiteouts.chain(opaque).collect();
        // In the order of paths, so that what lies below one that was walked is passed over.
        let mut walked: Option<&ImagePath> = None;
        for (top, stays) in tops {
            if walked.is_some_and(|walked| top.starts_with(walked)) {
                continue;
            }
            for (path, id) in rootfs.walk_below(top) {
                let kept = stays && path == *top || own.contains(&path);
                if !kept {
                    self.marked.push(MarkedPath {
                        layer: self.layer,
                        mark: Mark::Removed,
                        hidden: false,
                        size: rootfs.node(id).size(),
                        at: None,
                        path,
                    });
                }
            }
            walked = Some(top);
        }
    }

    fn push(&mut self, path: &ImagePath, mark: Mark, content: Option<ContentRef>) {
        self.marked.push(MarkedPath {
            path: path.clone(),
            layer: self.layer,
            mark,
            hidden: false,
            size: content.map_or(0, |content| content.size),
            at: content.map(|content| content.at),
        });
    }

    /// The change that an entry makes to the layers below at its path; `None` if it makes none.
    fn mark(&self, entry: &LayerEntry, existing: Option<NodeId>) -> Option<Mark> {
        let Some(id) = existing else {
            return Some(Mark::Added);
        };
        let node = self.rootfs.node(id);
        let same = match (&node.kind, &entry.kind) {
            (NodeKind::Directory { implied, .. }, EntryKind::Directory) => {
                let known = *implied || owner(&node.meta) == owner(&entry.meta);
                // Layers repeat the directories above their files. That is no change unless owner, mode or attributes
                // differ.
                return (!known).then_some(Mark::Metadata);
            }
            (NodeKind::File { content }, EntryKind::File(new)) => {
                // Without contents there is no digest, and an equal size proves nothing: such a file counts as changed.
                let digest = |content| self.scan.facts(content)?.sha256;
                content.size == new.size
                    && digest(*content).is_some_and(|old| digest(*new) == Some(old))
            }
            (NodeKind::Symlink { target }, EntryKind::Symlink { target: new }) => target == new,
            _ => false,
        };
        Some(if same { Mark::Metadata } else { Mark::Changed })
    }
}

fn content(entry: &LayerEntry) -> Option<ContentRef> {
    match entry.kind {
        EntryKind::File(content) => Some(content),
        _ => None,
    }
}

/// Metadata of a directory without its times, which change whenever something is created in it.
fn owner(meta: &Metadata) -> impl PartialEq + '_ {
    (meta.mode, meta.uid, meta.gid, &meta.xattrs)
}
