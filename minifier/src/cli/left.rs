//! [`Left`]: what there is for now and must be gone at the end, so that whoever gives up knows what is left behind, and
//! whether a guard removes it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A list that the stages keep and the handler of signals reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    next: u64,
    notes: BTreeMap<u64, Thing>,
    has_guard: bool,
}

#[derive(Debug)]
struct Thing {
    what: String,
    /// A guard removes such a thing.
    of_guard: bool,
}

/// One thing on the list. It stays there until [`Self::gone`]: dropping this says nothing about the thing.
#[derive(Debug)]
#[must_use = "what is never gone is reported as left behind"]
pub(crate) struct LeftNote {
    left: Left,
    number: u64,
}

impl Left {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Every change leaves the list whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something before it is made. `what` names it so that a user finds it, and says what becomes of it.
    pub(crate) fn note(&self, what: impl Display) -> LeftNote {
        self.add(what, false)
    }

    /// The same for something that a guard removes, if there is one and this process does not.
    pub(crate) fn note_of_guard(&self, what: impl Display) -> LeftNote {
        self.add(what, true)
    }

    fn add(&self, what: impl Display, of_guard: bool) -> LeftNote {
        let mut notes = self.notes();
        let number = notes.next;
        notes.next += 1;
        let what = what.to_string();
        notes.notes.insert(number, Thing { what, of_guard });
        LeftNote {
            left: self.clone(),
            number,
        }
    }

    /// There is a guard from now on.
    pub(crate) fn guarded(&self) {
        self.notes().has_guard = true;
    }

    /// Whether nothing is there now.
    pub(crate) fn is_empty(&self) -> bool {
        self.notes().notes.is_empty()
    }

    /// A sentence about what is left now, in the order in which it was noted.
    pub(crate) fn summary(&self) -> String {
        let notes = self.notes();
        let list = |of_guard: bool| {
            let things = notes.notes.values();
            let those = things.filter(|thing| (thing.of_guard && notes.has_guard) == of_guard);
            let those: Vec<&str> = those.map(|thing| thing.what.as_str()).collect();
            (!those.is_empty()).then(|| those.join("; "))
        };
        const GUARD: &str = "for the guard process, which removes it in the background";
        match (list(false), list(true)) {
            (None, None) => "nothing is left behind".to_owned(),
            (Some(rest), None) => format!("left behind: {rest}"),
            (None, Some(guards)) => format!("left behind {GUARD}: {guards}"),
            (Some(rest), Some(guards)) => format!("left behind: {rest}; and {GUARD}: {guards}"),
        }
    }
}

impl LeftNote {
    /// It is gone, or was never made.
    pub(crate) fn gone(self) {
        self.left.notes().notes.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_to_be_gone_is_left() {
        let left = Left::default();
        assert_eq!(left.summary(), "nothing is left behind");
        let first = left.note("a folder");
        drop(left.note("a container"));
        assert_eq!(left.summary(), "left behind: a folder; a container");
        first.gone();
        assert_eq!(left.summary(), "left behind: a container");
        assert!(!left.is_empty());
    }

    #[test]
    fn things_that_a_guard_removes_are_listed_apart_if_there_is_one() {
        let left = Left::default();
        let _container = left.note_of_guard("a container");
        let file = left.note("a file");
        assert_eq!(left.summary(), "left behind: a container; a file");
        left.guarded();
        assert_eq!(
            left.summary(),
            "left behind: a file; and for the guard process, which removes it in the background: a container"
        );
        file.gone();
        assert_eq!(
            left.summary(),
            "left behind for the guard process, which removes it in the background: a container"
        );
    }
}
