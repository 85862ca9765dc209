//! The tree of every path of an image, and what each layer did to which.

use std::cmp::Ordering;
use std::collections::btree_map;

use super::marks::MarkedPath;
use super::merged::Merged;
use super::model::{FileTree, LayerFiles, LinkTarget, MarkedNode, OtherKind, TreeKind, TreeNode};
use super::packages::Owners;
use super::scan::Scan;
use super::subtree::SubtreeTotals;
use crate::rootfs::{ImagePath, NodeId, NodeKind, RootFs, compare_paths, escape_bytes};

/// Paths that are listed, but for those of the image's own layers, which all are.
pub(crate) const MAX_PATHS: usize = 1_000_000;

/// The stages that the tree is made from.
pub(crate) struct TreeSources<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) owners: &'a Owners,
    pub(crate) totals: &'a SubtreeTotals,
    /// Whether each layer belongs to the base image.
    pub(crate) base: &'a [bool],
}

/// A path of the merged tree or of a layer.
struct TreePlace<'a> {
    path: &'a [u8],
    depth: u16,
    /// The node of the merged tree; `None` if the path is gone.
    node: Option<NodeId>,
    /// Changes that layers made to it, lowest first.
    rows: &'a [MarkedPath],
}

/// The tree and what each layer did; of more than `most` paths the smallest of the base image are left out.
pub(crate) fn files(sources: &TreeSources<'_>, most: usize) -> (FileTree, Vec<LayerFiles>) {
    // Two walks and no list of all places: the places of a tree of millions would take more memory than the tree
    // itself.
    let threshold = sources.threshold(most);
    let merged = sources.merged;
    let mut builder = TreeBuilder {
        sources,
        tree: FileTree::default(),
        by_layer: vec![LayerFiles::default(); merged.layers.len()],
        before: vec![0; merged.layers.len()],
        first: vec![u32::MAX; merged.rootfs.count()],
        packages: vec![0; sources.owners.count()],
    };
    each_place(merged, |place| match threshold {
        Some(threshold) if sources.cut(&place).is_some_and(|size| size <= threshold) => {
            builder.tree.unlisted += 1;
        }
        _ => builder.add(&place),
    });
    (builder.tree, builder.by_layer)
}

impl TreeSources<'_> {
    /// Paths of the base image with so many bytes or fewer are left out; `None` if there are not too many.
    fn threshold(&self, most: usize) -> Option<u64> {
        // An upper bound that costs nothing; nearly every image stays below it.
        let at_most = self.merged.marked.len() + self.merged.rootfs.count();
        if at_most <= most {
            return None;
        }
        let (mut kept, mut sizes) = (0usize, Vec::new());
        each_place(self.merged, |place| match self.cut(&place) {
            Some(size) => sizes.push(size),
            None => kept += 1,
        });
        let room = most.saturating_sub(kept);
        (sizes.len() > room).then(|| {
            // The value at that position is enough; sorting millions of sizes is not needed.
            let (_, nth, _) = sizes.select_nth_unstable_by(room, |a, b| b.cmp(a));
            *nth
        })
    }

    /// The bytes of a path that may be left out, that is of a file of the base image alone; `None` if it has to stay.
    fn cut(&self, place: &TreePlace<'_>) -> Option<u64> {
        let node = place.node.map(|id| self.merged.rootfs.node(id));
        let own = |layer: usize| !self.base.get(layer).copied().unwrap_or(false);
        let kept = node.is_some_and(|node| node.is_dir() || own(node.layer))
            || node.is_none() && place.rows.is_empty()
            || place.rows.iter().any(|row| own(row.layer as usize));
        (!kept).then(|| node.map_or(0, |node| node.size()))
    }
}

struct TreeBuilder<'a> {
    sources: &'a TreeSources<'a>,
    tree: FileTree,
    by_layer: Vec<LayerFiles>,
    /// The last node of each layer.
    before: Vec<u32>,
    /// The node of the tree with the first name of a file, by its place in the merged tree.
    first: Vec<u32>,
    /// The place of each package among those of the tree, by its place among the owners; 0 if it has none yet.
    packages: Vec<u32>,
}

impl TreeBuilder<'_> {
    fn add(&mut self, place: &TreePlace<'_>) {
        let name = &place.path[place
            .path
            .iter()
            .rposition(|&b| b == b'/')
            .map_or(0, |at| at + 1)..];
        let name = escape_bytes(name);
        let node = match place.node {
            Some(id) => self.visible(&name, place, id),
            None => {
                let layer = place.rows.last().map_or(0, |row| row.layer);
                let gone = TreeKind::Other(OtherKind::Gone);
                self.tree.push(TreeNode {
                    name: &name,
                    depth: place.depth,
                    kind: gone,
                    size: 0,
                    layer,
                })
            }
        };
        for row in place.rows {
            let layer = row.layer as usize;
            let entry = MarkedNode {
                node,
                mark: row.mark,
                hidden: row.hidden,
                size: row.size,
            };
            let before = std::mem::replace(&mut self.before[layer], node);
            self.by_layer[layer].push(before, entry);
        }
    }

    fn visible(&mut self, name: &str, place: &TreePlace<'_>, id: NodeId) -> u32 {
        let entry = self.sources.merged.rootfs.node(id);
        let first = self.first[id.index()];
        let kind = match &entry.kind {
            NodeKind::Directory { .. } => TreeKind::Other(OtherKind::Directory),
            NodeKind::Symlink { .. } => TreeKind::Other(OtherKind::Link),
            NodeKind::CharDevice { .. } | NodeKind::BlockDevice { .. } => {
                TreeKind::Other(OtherKind::Device)
            }
            NodeKind::Fifo => TreeKind::Other(OtherKind::Pipe),
            NodeKind::File { content } => match first {
                u32::MAX => TreeKind::File(
                    self.sources
                        .scan
                        .kind(*content, || ImagePath::new(place.path)),
                ),
                first => self.tree.kind(first),
            },
        };
        let size = match first {
            u32::MAX => self.sources.totals.of(id).0,
            _ => 0,
        };
        let tree = &mut self.tree;
        let node = tree.push(TreeNode {
            name,
            depth: place.depth,
            kind,
            size,
            layer: entry.layer as u32,
        });
        if let Some(target) = entry.link_target() {
            let target = escape_bytes(target);
            tree.links.push(LinkTarget { node, target });
        }
        if first == u32::MAX {
            self.first[id.index()] = node;
        } else {
            // The bytes are with the first name, so that the sums of directories do not count a file twice.
            tree.hard_links.push((node, first));
        }
        if let Some(owner) = self.sources.owners.index(id) {
            // A package gets its position when its first file is met, so packages without visible files take no room.
            if self.packages[owner] == 0 {
                tree.package_names
                    .push(self.sources.owners.name(owner).to_owned());
                self.packages[owner] = tree.package_names.len() as u32;
            }
            tree.packages[node as usize] = self.packages[owner];
        }
        node
    }
}

/// Calls `with` with every path that the merged tree or a layer has, in order, each once, and what holds it before.
fn each_place(merged: &Merged, mut with: impl FnMut(TreePlace<'_>)) {
    let mut rows = merged.marked.as_slice();
    let mut walk = Walk::new(&merged.rootfs);
    let mut visible = walk.next();
    // The path before, of which a path that is gone may share directories that are gone.
    let mut last: Vec<u8> = Vec::new();
    while visible.is_some() || !rows.is_empty() {
        let order = match (visible, rows.first()) {
            (Some(_), Some(row)) => compare_paths(&walk.path, row.path.as_bytes()),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let taken = match order {
            // Nothing to take: no layer has a mark for this path.
            Ordering::Less => 0,
            _ => rows
                .iter()
                .take_while(|row| row.path == rows[0].path)
                .count(),
        };
        let (here, after) = rows.split_at(taken);
        rows = after;
        if order == Ordering::Greater {
            let path = here[0].path.as_bytes();
            gone_parents(path, &last, &mut with);
            with(TreePlace {
                path,
                depth: depth(path),
                node: None,
                rows: here,
            });
            last.clear();
            last.extend_from_slice(path);
        } else {
            with(TreePlace {
                path: &walk.path,
                depth: depth(&walk.path),
                node: visible,
                rows: here,
            });
            last.clone_from(&walk.path);
            visible = walk.next();
        }
    }
}

/// The directories above a path that is gone which no layer has an entry for, and which hold nothing else.
fn gone_parents(path: &[u8], last: &[u8], with: &mut impl FnMut(TreePlace<'_>)) {
    let common = path.iter().zip(last).take_while(|(a, b)| a == b).count();
    for end in (1..path.len()).filter(|&at| path[at] == b'/') {
        let known = end < common || end == common && matches!(last.get(end), None | Some(b'/'));
        if !known {
            let parent = &path[..end];
            with(TreePlace {
                path: parent,
                depth: depth(parent),
                node: None,
                rows: &[],
            });
        }
    }
}

/// Components of a path. Entries whose paths have more than fit are refused when the layer is read.
fn depth(path: &[u8]) -> u16 {
    let slashes = path.iter().filter(|&&b| b == b'/').count();
    match path {
        b"/" => 0,
        _ => u16::try_from(slashes).unwrap_or(u16::MAX),
    }
}

type Entries<'a> = btree_map::Iter<'a, Box<[u8]>, NodeId>;

/// Every path of a tree in order, as [`RootFs::walk`], without an allocation for each.
struct Walk<'a> {
    rootfs: &'a RootFs,
    /// The path of the node that was given last.
    path: Vec<u8>,
    /// Entries that are left of each directory on the way, and where its path ends.
    open: Vec<(Entries<'a>, usize)>,
    started: bool,
}

impl<'a> Walk<'a> {
    fn new(rootfs: &'a RootFs) -> Self {
        Self {
            rootfs,
            path: b"/".to_vec(),
            open: Vec::new(),
            started: false,
        }
    }

    fn next(&mut self) -> Option<NodeId> {
        if !std::mem::replace(&mut self.started, true) {
            let root = self.rootfs.root();
            self.open.push((self.rootfs.children(root).iter(), 0));
            return Some(root);
        }
        while let Some((entries, end)) = self.open.last_mut() {
            self.path.truncate(*end);
            let Some((name, &id)) = entries.next() else {
                self.open.pop();
                continue;
            };
            self.path.push(b'/');
            self.path.extend_from_slice(name);
            if self.rootfs.node(id).is_dir() {
                self.open
                    .push((self.rootfs.children(id).iter(), self.path.len()));
            }
            return Some(id);
        }
        None
    }
}
