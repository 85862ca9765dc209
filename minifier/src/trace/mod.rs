//! What the kernel recorded of a container: loading and attaching the eBPF programs, scope, collecting.
//!
//! [`Tracer::attach`] before the container starts, [`Tracer::follow`] with its id, [`Tracer::finish`] when it is done:
//! the result is a [`Trace`]. [`features::host_checks`] tells what a host lacks.

mod assemble;
pub mod calls;
mod collect;
mod error;
pub mod features;
mod layout;
mod load;
mod model;
mod privileges;
mod tracer;

pub use error::TraceError;
pub use load::{TraceOptions, default_btf};
pub use model::{Access, HookStatus, Operation, Process, Trace};
pub use tracer::Tracer;
