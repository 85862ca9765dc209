//! Spreads the kept paths over the layers of the result. Pure: from tree and keep set to lists of entries.
//!
//! Every path is written in the layer whose entry is the visible one, and nothing hidden is written at all, so the
//! result needs no whiteouts: no two layers disagree about what a path is. Directories are the only entries that
//! more than one layer holds (each layer has the parents of what it holds), always with the same metadata, so it
//! does not matter in which order, or how, an extractor puts layers over each other.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{LayerMode, RebuildError};
use crate::plan::KeepSet;
use crate::rootfs::{ImagePath, NodeId, NodeKind, RootFs};

/// One layer to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Original layers that something in it comes from.
    pub from: BTreeSet<usize>,
    /// In order, a directory before what it holds.
    pub entries: Vec<Selected>,
    /// Directories that were written and still are above the next entry.
    open: Vec<ImagePath>,
}

/// One entry to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    pub path: ImagePath,
    pub node: NodeId,
    /// The name of this node that carries the content, where this is a later one.
    pub link_to: Option<ImagePath>,
}

/// One selection per layer of the original, or a single one; without entries if nothing stays.
pub(crate) fn select(
    rootfs: &RootFs,
    keep: &KeepSet,
    layers: usize,
    mode: LayerMode,
) -> Result<Vec<Selection>, RebuildError> {
    let count = match mode {
        LayerMode::Preserve => layers,
        LayerMode::Flatten => 1,
    };
    let mut selections: Vec<Selection> = Vec::new();
    selections.resize_with(count, Selection::default);
    let mut first_names: BTreeMap<NodeId, ImagePath> = BTreeMap::new();
    let mut paths = keep.iter().map(|(path, _)| path).peekable();
    while let Some(path) = paths.next() {
        let Some(id) = rootfs.lookup(path) else {
            return Err(RebuildError::NotInImage { path: path.clone() });
        };
        let node = rootfs.node(id);
        // A directory with something in it is written wherever that is.
        if node.is_dir() && paths.peek().is_some_and(|next| next.starts_with(path)) {
            continue;
        }
        if node.layer >= layers {
            return Err(RebuildError::NoSuchLayer {
                path: path.clone(),
                layer: node.layer,
                layers,
            });
        }
        let link_to = if node.is_dir() {
            None
        } else {
            first_names.get(&id).cloned()
        };
        if !node.is_dir() && link_to.is_none() {
            first_names.insert(id, path.clone());
        }
        let selection = match mode {
            LayerMode::Preserve => &mut selections[node.layer],
            LayerMode::Flatten => &mut selections[0],
        };
        selection.from.insert(node.layer);
        selection.add(rootfs, path, id, link_to)?;
    }
    Ok(selections)
}

impl Selection {
    /// Adds an entry that sorts behind all others, and the directories above it that are not there yet.
    fn add(
        &mut self,
        rootfs: &RootFs,
        path: &ImagePath,
        node: NodeId,
        link_to: Option<ImagePath>,
    ) -> Result<(), RebuildError> {
        while self.open.pop_if(|dir| !path.starts_with(dir)).is_some() {}
        let known = self.open.last().cloned();
        let mut missing: Vec<ImagePath> = path
            .ancestors()
            .take_while(|dir| known.as_ref() != Some(dir))
            .collect();
        while let Some(dir) = missing.pop() {
            let Some(id) = rootfs.lookup(&dir) else {
                return Err(RebuildError::NotInImage { path: dir });
            };
            self.push(rootfs, &dir, id, None)?;
            self.open.push(dir);
        }
        self.push(rootfs, path, node, link_to)?;
        if rootfs.node(node).is_dir() {
            self.open.push(path.clone());
        }
        Ok(())
    }

    fn push(
        &mut self,
        rootfs: &RootFs,
        path: &ImagePath,
        node: NodeId,
        link_to: Option<ImagePath>,
    ) -> Result<(), RebuildError> {
        if path.file_name().starts_with(b".wh.") {
            return Err(RebuildError::WhiteoutName { path: path.clone() });
        }
        // No layer says anything about the root of most images; then there is nothing to say here either.
        let unsaid_root = path.is_root()
            && matches!(
                rootfs.node(node).kind,
                NodeKind::Directory { implied: true, .. }
            );
        if !unsaid_root {
            self.entries.push(Selected {
                path: path.clone(),
                node,
                link_to,
            });
        }
        Ok(())
    }
}
