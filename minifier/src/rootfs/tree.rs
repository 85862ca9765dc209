//! [`RootFs`]: the layers of an image merged into one tree.
//!
//! Source: OCI image spec, `layer.md` (applying changesets, whiteouts); overlayfs for what the spec leaves open:
//! a directory over anything else replaces it, and a name that a layer uses as a directory is one.

mod apply;

use std::collections::{BTreeMap, BTreeSet};

use super::{ImagePath, Metadata, Node, NodeId, NodeKind};

/// Why layers cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A hard link whose target is in no layer so far.
    #[error("merge layer {layer}: hard link {path:#} points to {target:#}, which does not exist")]
    HardLinkTarget {
        /// Layer, 0 is the lowest.
        layer: usize,
        /// The path of the hard link.
        path: ImagePath,
        /// The target of the link.
        target: ImagePath,
    },
    /// A hard link to a directory.
    #[error("merge layer {layer}: hard link {path:#} points to the directory {target:#}")]
    HardLinkToDirectory {
        /// Layer, 0 is the lowest.
        layer: usize,
        /// The path of the hard link.
        path: ImagePath,
        /// The target of the link.
        target: ImagePath,
    },
    /// An entry below something that this same layer says is not a directory.
    #[error(
        "merge layer {layer}: {path:#}: its parent {ancestor:#} is not a directory in this layer"
    )]
    NotADirectory {
        /// Layer, 0 is the lowest.
        layer: usize,
        /// The path of the entry that cannot be applied.
        path: ImagePath,
        /// The parent that is not a directory.
        ancestor: ImagePath,
    },
    /// More entries than the table can hold.
    #[error("merge layer {layer}: more than {} entries in the image", u32::MAX)]
    TooManyEntries {
        /// Layer, 0 is the lowest.
        layer: usize,
    },
}

/// The merged tree. Nodes are in a table, so that hard links stay exact; names are sorted, so that every walk is.
#[derive(Debug, Clone)]
pub struct RootFs {
    nodes: Vec<Node>,
}

const ROOT: NodeId = NodeId(0);

impl Default for RootFs {
    fn default() -> Self {
        Self {
            nodes: vec![implied_directory(0)],
        }
    }
}

/// An empty directory that no entry of the layer stands for.
fn implied_directory(layer: usize) -> Node {
    Node {
        meta: Metadata {
            mode: 0o755,
            ..Metadata::default()
        },
        kind: NodeKind::Directory {
            children: BTreeMap::new(),
            implied: true,
        },
        layer,
    }
}

impl RootFs {
    /// Entries of a directory by name; none for anything else.
    pub fn children(&self, id: NodeId) -> &BTreeMap<Box<[u8]>, NodeId> {
        static NONE: BTreeMap<Box<[u8]>, NodeId> = BTreeMap::new();
        match &self.node(id).kind {
            NodeKind::Directory { children, .. } => children,
            _ => &NONE,
        }
    }

    /// How many nodes there are, those included that are not to be seen any more.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The root directory, which every tree has.
    pub fn root(&self) -> NodeId {
        ROOT
    }

    /// A node of this tree. Ids of another tree panic or give another node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The entry at exactly this path; no link is followed, neither at the end nor on the way.
    pub fn lookup(&self, path: &ImagePath) -> Option<NodeId> {
        path.components()
            .try_fold(ROOT, |at, name| self.children(at).get(name).copied())
    }

    /// [`Self::lookup`], giving the node.
    pub fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.lookup(path).map(|id| self.node(id))
    }

    /// Every node below a directory that is no directory; `skip` names directories that are left out.
    pub fn files_below(&self, dir: NodeId, skip: Option<&[u8]>) -> BTreeSet<NodeId> {
        let mut files = BTreeSet::new();
        let mut stack = vec![dir];
        while let Some(dir) = stack.pop() {
            for (name, &child) in self.children(dir) {
                if !self.node(child).is_dir() {
                    files.insert(child);
                } else if skip != Some(&**name) {
                    stack.push(child);
                }
            }
        }
        files
    }

    /// Every path in order, a directory right before what it holds, beginning with the root.
    pub fn walk(&self) -> impl Iterator<Item = (ImagePath, NodeId)> + '_ {
        self.walk_below(&ImagePath::root())
    }

    /// [`Self::walk`] from `top` on; nothing where `top` does not exist.
    pub fn walk_below(
        &self,
        top: &ImagePath,
    ) -> impl Iterator<Item = (ImagePath, NodeId)> + use<'_> {
        let mut stack: Vec<(ImagePath, NodeId)> = self
            .lookup(top)
            .map(|id| (top.clone(), id))
            .into_iter()
            .collect();
        std::iter::from_fn(move || {
            let (path, id) = stack.pop()?;
            stack.extend(
                self.children(id)
                    .iter()
                    .rev()
                    .map(|(name, &child)| (path.join(name), child)),
            );
            Some((path, id))
        })
    }
}
