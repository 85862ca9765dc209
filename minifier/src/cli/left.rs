//! [`Left`]: what there is for now and must be gone at the end, so that whoever gives up knows what is left behind.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A list that the stages keep and the handler of signals reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Left(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    next: u64,
    notes: BTreeMap<u64, String>,
}

/// One thing on the list. It stays there until [`Self::gone`]: dropping this says nothing about the thing.
#[derive(Debug)]
#[must_use = "what is never gone is reported as left behind"]
pub(super) struct Note {
    left: Left,
    number: u64,
}

impl Left {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Every change leaves the list whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something before it is made. `what` names it so that a user finds it, and says what becomes of it.
    pub(super) fn note(&self, what: impl Display) -> Note {
        let mut notes = self.notes();
        let number = notes.next;
        notes.next += 1;
        notes.notes.insert(number, what.to_string());
        Note {
            left: self.clone(),
            number,
        }
    }

    /// What is there now, in the order in which it was noted.
    pub(super) fn list(&self) -> Vec<String> {
        self.notes().notes.values().cloned().collect()
    }

    /// What is there now in words.
    pub(super) fn told(&self) -> String {
        match self.list() {
            list if list.is_empty() => "nothing is left behind".to_owned(),
            list => format!("left behind: {}", list.join("; ")),
        }
    }
}

impl Note {
    /// It is gone, or was never made.
    pub(super) fn gone(self) {
        self.left.notes().notes.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_to_be_gone_is_left() {
        let left = Left::default();
        assert_eq!(left.told(), "nothing is left behind");
        let first = left.note("a folder");
        drop(left.note("a container"));
        assert_eq!(left.told(), "left behind: a folder; a container");
        first.gone();
        assert_eq!(left.list(), ["a container"]);
    }
}
