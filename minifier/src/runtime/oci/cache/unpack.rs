//! Writing what one layer changes into a folder for overlayfs.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::rootfs::{Change, Changes, ContentStore, ImagePath, NodeId, NodeKind, RootFs};
use crate::runtime::error::RuntimeError;
use crate::runtime::oci::tree::{Inode, TreeWriter};
use crate::runtime::options::UnpackLimits;

/// The space that a layer needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl Cost {
    /// Takes this from what is left of `limits`.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::TooLarge`], which names `layer`, if not enough is left.
    pub(crate) fn take_from(
        self,
        left: &mut UnpackLimits,
        limits: &UnpackLimits,
        layer: usize,
    ) -> Result<(), RuntimeError> {
        let take = |left: u64, cost: u64, limit: u64, what| {
            left.checked_sub(cost)
                .ok_or(RuntimeError::TooLarge { layer, limit, what })
        };
        left.bytes = take(left.bytes, self.bytes, limits.bytes, "bytes")?;
        left.entries = take(left.entries, self.entries, limits.entries, "entries")?;
        Ok(())
    }
}

/// The space that the changes of a layer need.
pub(crate) fn cost(rootfs: &RootFs, changes: &Changes) -> Cost {
    let mut cost = Cost {
        bytes: 0,
        entries: changes.len() as u64,
    };
    // A hard link is an entry, but takes no bytes of its own.
    let mut counted = std::collections::BTreeSet::new();
    for change in changes.values() {
        if let Change::Node(id) = change
            && counted.insert(*id)
        {
            cost.bytes = cost.bytes.saturating_add(rootfs.node(*id).size());
        }
    }
    cost
}

/// A layer, and what it takes to write it.
pub(crate) struct LayerJob<'a> {
    pub(crate) layer: usize,
    pub(crate) rootfs: &'a RootFs,
    pub(crate) changes: &'a Changes,
    pub(crate) content: &'a dyn ContentStore,
    pub(crate) cancel: &'a CancellationToken,
}

impl LayerJob<'_> {
    /// Writes the layer, entry by entry, parents first.
    pub(crate) fn write(&self, mut writer: TreeWriter) -> Result<(), RuntimeError> {
        let mut names: BTreeMap<NodeId, &ImagePath> = BTreeMap::new();
        let failed = |path: &ImagePath, source| RuntimeError::Unpack {
            layer: self.layer,
            path: path.clone(),
            source,
        };
        for (path, change) in self.changes {
            // Once for each entry: Ctrl-C must not wait for a layer of gigabytes.
            if self.cancel.is_cancelled() {
                return Err(RuntimeError::Interrupted);
            }
            let done = match change {
                Change::Hidden => writer.whiteout(path),
                Change::Opaque(id) => self
                    .node(&mut writer, path, *id)
                    .and_then(|()| writer.opaque(path)),
                Change::Node(id) => match names.get(id) {
                    Some(first) => writer.hard_link(path, first),
                    None => {
                        names.insert(*id, path);
                        self.node(&mut writer, path, *id)
                    }
                },
            };
            done.map_err(|source| failed(path, source))?;
        }
        writer
            .finish()
            .map_err(|source| failed(&ImagePath::root(), source))
    }

    fn node(&self, writer: &mut TreeWriter, path: &ImagePath, id: NodeId) -> std::io::Result<()> {
        let node = self.rootfs.node(id);
        let meta = &node.meta;
        match &node.kind {
            NodeKind::Directory { .. } => writer.directory(path, meta),
            NodeKind::File { content } => {
                let mut reader = self.content.open(*content)?;
                writer.file(path, meta, &mut *reader, content.size)
            }
            NodeKind::Symlink { target } => writer.symlink(path, meta, target),
            NodeKind::CharDevice { major, minor } => {
                writer.inode(path, meta, Inode::Char(*major, *minor))
            }
            NodeKind::BlockDevice { major, minor } => {
                writer.inode(path, meta, Inode::Block(*major, *minor))
            }
            NodeKind::Fifo => writer.inode(path, meta, Inode::Fifo),
        }
    }
}
