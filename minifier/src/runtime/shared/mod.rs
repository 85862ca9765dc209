//! Parts that both engines have in common: [`Workload`], a container's output, how it is stopped and how it ended, its
//! processes, and the names by which a run finds again what it has made.

mod capture;
mod life;
mod logs;
pub(crate) mod process;
mod run_id;
mod start;
pub(crate) mod stop;
mod sweep;
mod workload;

pub(crate) use capture::Capture;
pub use capture::Captured;
pub(crate) use life::Life;
pub use logs::{LogChunk, LogLine, LogStream, Logs};
pub use run_id::RunId;
pub(crate) use start::start_failure;
pub(crate) use stop::Signalled;
pub(crate) use sweep::Sweep;
pub(crate) use workload::millis;
pub use workload::{ExecOutcome, ExecRequest, ExitStatus, Health, StopOutcome, Stopped, Workload};
