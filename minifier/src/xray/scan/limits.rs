//! What a scan may take, and the budgets that all threads share.

use std::sync::atomic::{AtomicU64, Ordering};

/// How to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanOptions {
    /// Look into files: digests, kinds, packages, programs, secrets. Without it, sizes and names only.
    pub contents: bool,
    /// What it may take.
    pub limits: Limits,
    /// Threads; 0 for as many as there are cores.
    pub threads: usize,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            contents: true,
            limits: Limits::default(),
            threads: 0,
        }
    }
}

/// Bounds of a scan. What goes beyond them is named as a problem; too many entries are an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of all layers, with the directories that their paths imply.
    pub entries: u64,
    /// Bytes of all paths and extended attributes together.
    pub names: u64,
    /// Bytes of documents that are kept: package databases, dynamic sections and the like.
    pub documents: u64,
    /// Uncompressed bytes of one layer.
    pub layer: u64,
    /// Holes of sparse files that are hashed as zeros, bytes over all layers.
    pub holes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 2_000_000,
            names: 1 << 30,
            documents: 512 << 20,
            layer: 1 << 40,
            holes: 16 << 30,
        }
    }
}

/// An amount that several threads draw on.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(amount: u64) -> Self {
        Self(AtomicU64::new(amount))
    }

    /// Takes `amount`; false, and nothing taken, where that much is not left.
    pub(super) fn take(&self, amount: u64) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(amount)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_gives_no_more_than_it_has() {
        let budget = Budget::new(10);
        assert!(budget.take(7));
        assert!(!budget.take(4));
        assert!(budget.take(3));
        assert!(!budget.take(1));
    }
}
