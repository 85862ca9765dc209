//! [`ProbeError`]: the workload failed, or the tool did.

use std::fmt;
use std::time::Duration;

use super::report::{Answer, ProbeReport, StepResult};
use crate::runtime::{ExitStatus, RuntimeError};

/// Why driving a container ended early.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A probe failed: the workload's answer is not the expected one.
    #[error("probe the container: {}{}", failure(.step), LogTail(.logs))]
    Failed {
        /// The request, the answer, and what is wrong with it.
        step: Box<StepResult>,
        /// The container's last lines.
        logs: Vec<String>,
        /// The report until then, with all earlier steps.
        report: Box<ProbeReport>,
    },
    /// The container ended too early, or with an unexpected exit code.
    #[error("probe the container: it exited with code {}{} {when}{}", .exit.code, oom(.exit), LogTail(.logs))]
    Exited {
        /// Its exit code, and whether it ran out of memory.
        exit: ExitStatus,
        /// The time of its end, as words: `while it was probed`.
        when: &'static str,
        /// The container's last lines.
        logs: Vec<String>,
        /// The report until then, with all earlier steps.
        report: Box<ProbeReport>,
    },
    /// The container did not get ready in time.
    #[error("probe the container: it was not ready after {} s ({observed}){}", .waited.as_secs_f64(), LogTail(.logs))]
    NotReady {
        /// Time limit that has passed.
        waited: Duration,
        /// A description of the container meanwhile.
        observed: String,
        /// The container's last lines.
        logs: Vec<String>,
        /// The report until then, with all earlier steps.
        report: Box<ProbeReport>,
    },
    /// The container listens on nothing and does nothing, and nothing in the plan or the image says that this will change.
    #[error(
        "probe the container: it does not listen on a socket and has been idle for {} s, like a worker that waits{}",
        .idle.as_secs_f64(), LogTail(.logs)
    )]
    Idle {
        /// Time since probing began.
        waited: Duration,
        /// Time for which it had done nothing.
        idle: Duration,
        /// The container's last lines.
        logs: Vec<String>,
        /// The report until then, with all earlier steps.
        report: Box<ProbeReport>,
    },
    /// With `--continue-after exit`, the container does not end.
    #[error("wait for the container to end: it still runs after {} s{}", .waited.as_secs_f64(), LogTail(.logs))]
    StillRunning {
        /// Time limit that has passed.
        waited: Duration,
        /// The container's last lines.
        logs: Vec<String>,
        /// The report until then, with all earlier steps.
        report: Box<ProbeReport>,
    },
    /// Cancelled by the caller.
    #[error("probe the container: interrupted")]
    Cancelled,
    /// The container's network namespace cannot be entered.
    #[error("enter the network namespace of process {pid}: {source}")]
    Namespace {
        /// The container's first process.
        pid: u32,
        /// The system's error.
        source: std::io::Error,
    },
    /// The container's sockets cannot be read.
    #[error("read the sockets of process {pid}: {source}")]
    Sockets {
        /// The container's first process.
        pid: u32,
        /// The system's error.
        source: std::io::Error,
    },
    /// The HTTP client cannot be set up.
    #[error("set up the HTTP client: {0}")]
    Client(String),
    /// With `--continue-after enter`, standard input is closed.
    #[error("wait for a line on standard input: it is closed")]
    NoInput,
    /// With `--continue-after signal`, SIGUSR1 cannot be handled.
    #[error("wait for SIGUSR1: {0}")]
    Signal(std::io::Error),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl ProbeError {
    /// Whether the workload failed, and not the tool.
    pub fn is_workload_failure(&self) -> bool {
        self.report().is_some()
    }

    /// The report until the failure of the workload; `None` if the tool failed.
    pub fn report(&self) -> Option<&ProbeReport> {
        match self {
            Self::Failed { report, .. }
            | Self::Exited { report, .. }
            | Self::NotReady { report, .. }
            | Self::Idle { report, .. }
            | Self::StillRunning { report, .. } => Some(report),
            _ => None,
        }
    }

    /// Advice for the user; `None` if the message says it all.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotReady { .. } => {
                "if it needs more time, use --ready-timeout; if it does not listen on a port, say when it is \
                 ready with --wait-for-log REGEX, or how long it runs with --continue-after DURATION|exit|enter|signal"
            }
            Self::Idle { .. } => {
                "use --exec COMMAND to give it something to do, --wait-for-log REGEX to say when it is ready, or \
                 --continue-after 30s (or exit, enter, signal) to let it run and build from what it does; with \
                 --ready-timeout DURATION, minify waits that long even if it does nothing"
            }
            Self::Exited { .. } => {
                "run the image with `docker run` and the same options, and make it work there first"
            }
            Self::Failed { .. } => {
                "check the original image, which gave this answer before anything was removed, or go on with \
                 --ignore-probe-failures"
            }
            Self::StillRunning { .. } => {
                "give it more time, or choose another event with --continue-after"
            }
            Self::NoInput => {
                "run minify at a terminal, or use --continue-after signal or a duration"
            }
            Self::Namespace { .. } | Self::Sockets { .. } => {
                "run minify as root on the host that runs the container"
            }
            Self::Runtime(error) => return error.hint(),
            _ => return None,
        })
    }
}

fn failure(step: &StepResult) -> String {
    let reason = step.error.as_deref().unwrap_or("failed");
    let came_back = match &step.answered {
        Some(Answer::Http {
            bytes,
            content_type,
            redirects,
            ..
        }) => {
            let kind = content_type.as_deref().unwrap_or("no content type");
            let via = match &redirects[..] {
                [] => String::new(),
                redirects => format!(", redirected to {}", redirects.join(", ")),
            };
            format!(" ({bytes} bytes, {kind}{via})")
        }
        Some(Answer::Command { output_tail, .. }) => match &output_tail[..] {
            [] => " (no output)".to_owned(),
            lines => {
                let mut text = "; its last output:".to_owned();
                for line in lines {
                    text.push_str("\n  | ");
                    text.push_str(line);
                }
                text
            }
        },
        None => String::new(),
    };
    format!("{}: {reason}{came_back}", step.asked)
}

fn oom(exit: &ExitStatus) -> &'static str {
    if exit.oom_killed {
        " (out of memory)"
    } else {
        ""
    }
}

/// The container's last lines, each on a line of its own.
struct LogTail<'a>(&'a [String]);

impl fmt::Display for LogTail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("\nthe container printed nothing");
        }
        f.write_str("\nlast lines of the container:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}
