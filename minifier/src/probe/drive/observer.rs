//! Events of a container being driven, for a display of progress. Nothing is printed here.

use std::time::Duration;

use super::report::{Readiness, StepKind, StepResult};
use crate::probe::plan::ContinueAfter;
use crate::runtime::{ExitStatus, Stopped};

/// An event while a container is driven.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Waiting until the container is ready, at most for this time.
    WaitingReady(Duration),
    /// The container is ready.
    Ready(&'a Readiness),
    /// A step begins.
    StepStarted {
        /// Kind of the step.
        kind: StepKind,
        /// The request line with the URL, or the command.
        asked: &'a str,
    },
    /// A step has ended, with or without an answer.
    StepFinished(&'a StepResult),
    /// The probes are done; the container keeps running as `--continue-after` says.
    Waiting(ContinueAfter),
    /// The container ended by itself.
    Exited(&'a ExitStatus),
    /// The container is asked to stop.
    Stopping,
    /// The container has stopped.
    Stopped(&'a Stopped),
}

/// A receiver of events; any closure over [`Event`] is one.
pub trait Observer: Send + Sync {
    /// Called for each event, in order. It must not block for long: probing waits for it.
    fn event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Send + Sync> Observer for F {
    fn event(&self, event: Event<'_>) {
        self(event);
    }
}
