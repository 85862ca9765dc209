//! [`Sweep`]: removing many things, none of which keeps the others from being removed.

use crate::runtime::error::RuntimeError;

/// The result of a sweep so far.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    removed: usize,
    left: Vec<String>,
    reason: String,
}

impl Sweep {
    /// Notes how the removal of `what` went.
    pub(crate) fn note(&mut self, what: impl Into<String>, result: Result<(), RuntimeError>) {
        match result {
            Ok(()) => self.removed += 1,
            Err(error) => {
                self.left.push(what.into());
                self.reason = error.to_string();
            }
        }
    }

    /// How many things were removed.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::LeftBehind`] if something could not be.
    pub(crate) fn finish(self) -> Result<usize, RuntimeError> {
        if self.left.is_empty() {
            return Ok(self.removed);
        }
        Err(RuntimeError::LeftBehind {
            ids: self.left,
            reason: self.reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_removed_is_named_and_the_rest_is_counted() {
        let mut sweep = Sweep::default();
        sweep.note("a", Ok(()));
        assert_eq!(Sweep::default().finish().unwrap(), 0);
        sweep.note("b", Err(RuntimeError::Interrupted));
        sweep.note("c", Ok(()));
        let RuntimeError::LeftBehind { ids, reason } = sweep.finish().unwrap_err() else {
            panic!("something else");
        };
        assert_eq!(ids, ["b"]);
        assert_eq!(reason, RuntimeError::Interrupted.to_string());
    }
}
