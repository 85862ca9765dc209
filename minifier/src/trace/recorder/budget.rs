//! [`TraceBudget`]: a limit on the memory of a trace. The container decides how much there is to record; a hostile one must
//! not fill the host's memory.

/// Bytes that the allocator adds to each allocation.
const ALLOCATION: usize = 16;

/// The memory that is left. After one record did not fit, no other does: a trace that ends early can be explained, one with
/// random holes cannot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceBudget {
    total: u64,
    left: u64,
    refused: u64,
}

impl TraceBudget {
    /// A budget of `bytes` bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            total: bytes,
            left: bytes,
            refused: 0,
        }
    }

    /// Takes `fixed` bytes, and an allocation of `block` bytes if that is not 0. Returns false if they do not fit.
    pub(crate) fn take(&mut self, fixed: usize, block: usize) -> bool {
        let block = if block == 0 { 0 } else { block + ALLOCATION };
        match self.left.checked_sub((fixed + block) as u64) {
            Some(left) if !self.is_spent() => {
                self.left = left;
                true
            }
            _ => {
                self.refused += 1;
                false
            }
        }
    }

    /// Whether something did not fit.
    pub(crate) fn is_spent(&self) -> bool {
        self.refused > 0
    }

    /// Counts a record that is left out because an earlier one did not fit.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// Number of records that were left out.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// The whole budget in bytes.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fits_once_something_did_not() {
        let mut budget = TraceBudget::new(100);
        assert!(budget.take(10, 0) && !budget.is_spent());
        assert!(!budget.take(10, 70), "a block takes more than its size");
        assert!(!budget.take(1, 0) && budget.is_spent());
        budget.refuse();
        assert_eq!(budget.refused(), 3);
    }
}
