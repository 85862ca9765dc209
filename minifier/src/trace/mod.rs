//! What the kernel recorded of a container: loading and attaching the eBPF programs, scope, collecting.
//!
//! [`Tracer::attach`] before the container starts, [`Tracer::follow`] with its id, [`Tracer::finish`] when it is done:
//! the result is a [`Trace`]. [`features::host_checks`] tells what a host lacks.

mod assemble;
mod backlog;
mod btf;
mod budget;
mod call_table;
pub mod calls;
mod collect;
mod error;
pub mod fallbacks;
pub mod features;
mod gap;
mod layout;
mod load;
mod model;
mod opens;
mod privileges;
mod programs;
mod scope;
mod tracer;
mod types;

pub use error::TraceError;
pub use gap::Gap;
pub use load::{TraceOptions, default_btf};
pub use model::{Access, HookStatus, Operation, Process, SecondSource, Trace, UNKNOWN_CALL};
pub use programs::program_names;
pub use tracer::Tracer;
