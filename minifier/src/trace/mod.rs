//! What the kernel recorded of a container: loading and attaching the eBPF programs, scope, collecting.
//!
//! Takes the id of a container that is about to start; gives a [`Trace`].

mod model;

pub use model::{Access, HookStatus, Operation, Process, Trace};
