//! What happens while a container is driven, for whoever shows progress. Nothing is printed here.

use std::time::Duration;

use super::report::{Readiness, StepKind, StepResult};
use crate::probe::plan::ContinueAfter;
use crate::runtime::{ExitStatus, Stopped};

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Waiting until the container is ready, at most so long.
    WaitingReady(Duration),
    /// It is ready.
    Ready(&'a Readiness),
    /// Something is asked.
    StepStarted {
        /// What kind of thing.
        kind: StepKind,
        /// The request line with the URL, or the command.
        asked: &'a str,
    },
    /// It was answered, or not.
    StepFinished(&'a StepResult),
    /// The probes are done; waiting for what the user chose.
    Waiting(ContinueAfter),
    /// The container ended by itself.
    Exited(&'a ExitStatus),
    /// The container is asked to stop.
    Stopping,
    /// It has stopped.
    Stopped(&'a Stopped),
}

/// Whoever wants to know what happens; any closure over [`Event`] is one.
pub trait Observer: Send + Sync {
    /// Something happened. Called in order; must not block for long.
    fn event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Send + Sync> Observer for F {
    fn event(&self, event: Event<'_>) {
        self(event);
    }
}
