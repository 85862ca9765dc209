//! What the kernel recorded of a container: loading and attaching the eBPF programs, scope, collecting.
//!
//! [`Tracer::attach`] before the container starts, [`Tracer::follow`] with its id, [`Tracer::finish`] when it is done:
//! the result is a [`Trace`]. [`features::host_checks`] tells what a host lacks.

#[cfg(feature = "trace")]
mod assemble;
#[cfg(feature = "trace")]
mod backlog;
#[cfg(feature = "trace")]
mod btf;
#[cfg(feature = "trace")]
mod budget;
#[cfg(feature = "trace")]
mod call_table;
#[cfg(feature = "trace")]
pub mod calls;
#[cfg(feature = "trace")]
mod collect;
#[cfg(feature = "trace")]
mod error;
#[cfg(feature = "trace")]
pub mod fallbacks;
#[cfg(feature = "trace")]
pub mod features;
mod gap;
#[cfg(feature = "trace")]
mod layout;
#[cfg(feature = "trace")]
mod load;
mod model;
#[cfg(feature = "trace")]
mod opens;
#[cfg(feature = "trace")]
mod privileges;
#[cfg(feature = "trace")]
mod programs;
#[cfg(feature = "trace")]
mod scope;
#[cfg(feature = "trace")]
mod tracer;
#[cfg(feature = "trace")]
mod types;

#[cfg(feature = "trace")]
pub use error::TraceError;
pub use gap::Gap;
#[cfg(feature = "trace")]
pub use load::{TraceOptions, default_btf};
pub use model::{Access, HookStatus, Operation, Process, SecondSource, Trace, UNKNOWN_CALL};
#[cfg(feature = "trace")]
pub use programs::program_names;
#[cfg(feature = "trace")]
pub use tracer::Tracer;
