//! Recording a container in the kernel: loading and attaching the eBPF programs, scope, collecting.
//!
//! [`Tracer::attach`] before the container starts, [`Tracer::follow`] with its id, [`Tracer::finish`] when it is done:
//! the result is a [`Trace`]. [`features::host_checks`] lists what a host lacks.

mod gap;
mod model;
#[cfg(feature = "trace")]
mod recorder;

pub use gap::Gap;
pub use model::{Access, HookStatus, Operation, Process, SecondSource, Trace, UNKNOWN_CALL};
#[cfg(feature = "trace")]
pub use recorder::{
    TraceError, TraceOptions, Tracer, calls, default_btf, fallbacks, features, program_names,
};
