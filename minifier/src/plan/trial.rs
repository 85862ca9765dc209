//! Keeping something to see what it costs, and taking that back.

use std::collections::{BTreeMap, BTreeSet};

use super::Reason;
use super::closure::{Closure, Trial};
use crate::analyze::ReadError;
use crate::rootfs::{End, ImagePath, NodeId};

impl Closure<'_> {
    /// Follows everything that the keep set needs, until nothing new appears.
    pub(crate) fn settle(&mut self) -> Result<(), ReadError> {
        // What follows from the libraries that stay (name services, certificates) can need libraries itself; the sets
        // only grow, so this ends.
        loop {
            self.expand()?;
            let before = (self.keep.len(), self.excluded.len());
            self.keep_libc_essentials()?;
            self.keep_certificates()?;
            if before == (self.keep.len(), self.excluded.len()) {
                return Ok(());
            }
        }
    }

    /// Adds a reason, and takes down what stood before if a trial goes on. True if the path is new.
    pub(crate) fn insert(&mut self, path: ImagePath, reason: Reason) -> bool {
        if let Some(trial) = &mut self.trial {
            let known = self.keep.reasons(&path);
            trial
                .before
                .entry(path.clone())
                .or_insert_with(|| known.cloned());
        }
        self.keep.insert(path, reason)
    }

    /// Keeps a path with the links on its way; a link at its end stays with what it leads to.
    pub(crate) fn keep_as_is(&mut self, path: &ImagePath, reason: Reason) {
        let rootfs = self.files.rootfs;
        let root = ImagePath::root();
        let itself = rootfs.resolve(&root, path.as_bytes(), false);
        self.keep_resolved(&itself, reason.clone());
        if let End::Found { node, .. } = itself.end
            && rootfs.node(node).link_target().is_some()
        {
            let followed = rootfs.resolve(&root, path.as_bytes(), true);
            self.keep_resolved(&followed, reason);
        }
    }

    /// From here on everything can be taken back.
    pub(crate) fn begin_trial(&mut self) {
        debug_assert!(self.trial.is_none(), "trials do not nest");
        self.trial = Some(Trial {
            before: BTreeMap::new(),
            linked: Vec::new(),
            facts: self.facts.clone(),
            excluded: self.excluded.clone(),
            warnings: self.warnings.clone(),
        });
    }

    /// Entries that were not in the keep set when the trial began. Those of a file with several names count if none
    /// of them was.
    pub(crate) fn added_in_trial(&self) -> BTreeSet<NodeId> {
        let rootfs = self.files.rootfs;
        self.paths_added_in_trial()
            .filter_map(|path| rootfs.lookup(path))
            .filter(|node| !self.kept_nodes.contains(node))
            .collect()
    }

    /// Paths that were not in the keep set when the trial began, in order.
    pub(crate) fn paths_added_in_trial(&self) -> impl Iterator<Item = &ImagePath> {
        let touched = self.trial.iter().flat_map(|trial| &trial.before);
        touched
            .filter(|(_, before)| before.is_none())
            .map(|(path, _)| path)
    }

    /// Keeps what the trial kept.
    pub(crate) fn commit_trial(&mut self) {
        let added = self.added_in_trial();
        self.kept_nodes.extend(added);
        self.trial = None;
    }

    /// Takes back what the trial kept.
    pub(crate) fn roll_back_trial(&mut self) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        for (path, reasons) in trial.before {
            self.keep.restore(path, reasons);
        }
        for loaded in trial.linked {
            self.linked.remove(&loaded);
        }
        self.facts = trial.facts;
        self.excluded = trial.excluded;
        self.warnings = trial.warnings;
        // A trial that failed half-way may have left some.
        self.files_to_read.clear();
        self.elf_to_link.clear();
    }
}
