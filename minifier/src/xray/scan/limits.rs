//! Limits of a scan, and the budget for holes that all threads share.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::transport::Limits;

/// Options of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanOptions {
    /// Look into files: digests, kinds, packages, programs, secrets. Without it, sizes and names only.
    pub contents: bool,
    /// Limits of the layers. A layer that goes beyond is cut off, which is a problem in the report; entries that
    /// take far more memory than is stored of them are an error.
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

/// Holes of sparse files that are hashed as zeros, bytes over all layers.
pub(crate) const MAX_HOLES: u64 = 16 << 30;

/// The holes that may still be hashed. All threads draw on it, so that an image of many layers gets no more than one of
/// a single layer.
#[derive(Debug)]
pub(crate) struct HoleBudget(AtomicU64);

impl HoleBudget {
    pub(crate) fn new(amount: u64) -> Self {
        Self(AtomicU64::new(amount))
    }

    /// Takes `amount` bytes; returns `false`, and takes nothing, if fewer are left.
    pub(crate) fn take(&self, amount: u64) -> bool {
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
        let budget = HoleBudget::new(10);
        assert!(budget.take(7));
        assert!(!budget.take(4));
        assert!(budget.take(3));
        assert!(!budget.take(1));
    }
}
