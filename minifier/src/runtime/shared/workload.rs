//! [`Workload`]: a running container as the probes see it, whoever runs it.

use std::future::Future;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::capture::Captured;
use super::logs::Logs;
use crate::runtime::error::RuntimeError;

/// How the first process of a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExitStatus {
    /// Exit code; 128 + number of the signal that ended it.
    pub code: i64,
    /// Whether the kernel ran out of the container's memory.
    pub oom_killed: bool,
}

/// The state of the daemon's own health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It has neither passed nor failed often enough yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// Too many checks in a row failed.
    Unhealthy,
}

/// A command to run inside a container, as the container's user by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments; no shell is involved.
    pub argv: Vec<String>,
    /// User in place of the container's.
    pub user: Option<String>,
    /// Added to the container's environment, `NAME=value`.
    pub env: Vec<String>,
    /// Time limit, after which it is killed.
    pub limit: Duration,
}

/// The result of a command inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// Exit code; `None` if it was killed at its time limit. 126 or 127 if it could not be started.
    pub exit_code: Option<i64>,
    /// Its standard output; the runtime's message if it could not be started.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
}

/// How a container was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// Stop signal, as the image names it.
    pub signal: String,
    /// Whether the signal had an effect.
    pub outcome: StopOutcome,
    /// How the first process ended.
    pub exit: ExitStatus,
    /// From the signal to the end.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
}

/// The effect of a container's stop signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopOutcome {
    /// It ended by itself within the grace period.
    Exited,
    /// It had ended before.
    AlreadyExited,
    /// It has no handler for the signal, and the kernel discards such a signal to the first process of a container. It was
    /// killed after half a second: nothing would have happened in the rest of the grace period.
    Ignored,
    /// It was killed when the grace period was over.
    Killed,
}

/// A started container. Futures may be dropped at any time to give up waiting.
pub trait Workload: Send + Sync {
    /// The runtime's name of the container, unique on this host.
    fn id(&self) -> &str;

    /// Pid of the first process in this host's pid namespace; `None` before the start and after the end.
    fn pid(&self) -> Option<u32>;

    /// The container's output so far, and as it comes.
    fn logs(&self) -> &Logs;

    /// How the first process ended; `None` while it runs.
    fn exit(&self) -> Option<ExitStatus>;

    /// Waits for the first process to end.
    fn exited(&self) -> impl Future<Output = Result<ExitStatus, RuntimeError>> + Send;

    /// The runtime's own health check; `None` if there is none.
    fn health(&self) -> impl Future<Output = Result<Option<Health>, RuntimeError>> + Send;

    /// Runs a command inside.
    fn exec(
        &self,
        request: &ExecRequest,
    ) -> impl Future<Output = Result<ExecOutcome, RuntimeError>> + Send;

    /// Sends the container's stop signal, waits for `grace` (by default the container's own, else 10 s), then kills.
    fn stop(
        &self,
        grace: Option<Duration>,
    ) -> impl Future<Output = Result<Stopped, RuntimeError>> + Send;
}

/// Whole milliseconds, for fields named `…_ms`.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
