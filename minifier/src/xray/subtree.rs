//! [`SubtreeTotals`]: bytes and files below each node of the merged tree.

use crate::rootfs::{NodeId, RootFs};

/// Bytes and files below each node; a file with several names counts at the first of them.
pub(crate) struct SubtreeTotals(Vec<(u64, u64)>);

impl SubtreeTotals {
    pub(crate) fn new(rootfs: &RootFs) -> Self {
        let mut totals = vec![(0u64, 0u64); rootfs.count()];
        let mut seen = vec![false; rootfs.count()];
        // Directories in the order in which they are met: what holds comes before what is held.
        let mut order: Vec<(NodeId, Option<NodeId>)> = Vec::new();
        let mut stack = vec![(rootfs.root(), None)];
        while let Some((id, parent)) = stack.pop() {
            if rootfs.node(id).is_dir() {
                order.push((id, parent));
                // Reversed, so that children come off the stack in order and a hard link counts at its first name.
                stack.extend(
                    rootfs
                        .children(id)
                        .values()
                        .rev()
                        .map(|&child| (child, Some(id))),
                );
            } else if !std::mem::replace(&mut seen[id.index()], true)
                && let Some(parent) = parent
            {
                let node = rootfs.node(id);
                let own = (node.size(), u64::from(node.content().is_some()));
                totals[id.index()] = own;
                add(&mut totals[parent.index()], own);
            }
        }
        // Backwards, each directory is complete before it is added to the one above: no recursion, which a deep tree
        // would turn into a stack overflow.
        for (id, parent) in order.into_iter().rev() {
            let own = totals[id.index()];
            if let Some(parent) = parent {
                add(&mut totals[parent.index()], own);
            }
        }
        Self(totals)
    }

    pub(crate) fn of(&self, id: NodeId) -> (u64, u64) {
        self.0[id.index()]
    }
}

/// Adds bytes and files. Sizes come from the tar headers of an image that can claim anything, so the sum saturates.
pub(crate) fn add(sum: &mut (u64, u64), more: (u64, u64)) {
    sum.0 = sum.0.saturating_add(more.0);
    sum.1 = sum.1.saturating_add(more.1);
}
