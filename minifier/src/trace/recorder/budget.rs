//! [`TraceBudget`]: how much memory a trace may take. A container decides how much there is to record, and must not decide how
//! much memory that takes.

/// What an allocation takes beyond its size.
const ALLOCATION: usize = 16;

/// Memory that is left. Once something did not fit, nothing does: what is left out is the end of a trace and no choice
/// of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceBudget {
    total: u64,
    left: u64,
    refused: u64,
}

impl TraceBudget {
    /// That many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            total: bytes,
            left: bytes,
            refused: 0,
        }
    }

    /// Takes what is about to be stored: `fixed` bytes, and a block of `block` bytes of its own if that is not 0. False if
    /// it does not fit.
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

    /// True once something did not fit.
    pub(crate) fn is_spent(&self) -> bool {
        self.refused > 0
    }

    /// Counts something that is left out because others were before.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// How many things did not fit.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// All of it, in bytes.
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
