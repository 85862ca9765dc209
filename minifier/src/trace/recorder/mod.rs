//! Recording: the eBPF programs are loaded for the running kernel and attached, one container is followed, and a thread
//! makes a [`Trace`](super::Trace) of what they report.

mod assemble;
mod backlog;
mod btf;
mod budget;
mod call;
mod call_table;
pub mod calls;
mod collect;
mod error;
pub mod fallbacks;
pub mod features;
mod layout;
mod load;
mod opens;
mod privileges;
mod programs;
mod scope;
mod sources;
mod tracer;
mod types;

pub use error::TraceError;
pub use load::{TraceOptions, default_btf};
pub use programs::program_names;
pub use tracer::Tracer;
