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
        /// What was asked, what came back and why that is wrong.
        step: Box<StepResult>,
        /// The container's last lines.
        logs: Vec<String>,
        /// Everything until then.
        report: Box<ProbeReport>,
    },
    /// The container ended when it should not have, or with an unexpected exit code.
    #[error("probe the container: it exited with code {}{} {when}{}", .exit.code, oom(.exit), LogTail(.logs))]
    Exited {
        /// How it ended.
        exit: ExitStatus,
        /// During what.
        when: &'static str,
        /// The container's last lines.
        logs: Vec<String>,
        /// Everything until then.
        report: Box<ProbeReport>,
    },
    /// It did not get ready in time.
    #[error("probe the container: it was not ready after {} s ({observed}){}", .waited.as_secs_f64(), LogTail(.logs))]
    NotReady {
        /// How long was waited.
        waited: Duration,
        /// What was seen meanwhile.
        observed: String,
        /// The container's last lines.
        logs: Vec<String>,
        /// Everything until then.
        report: Box<ProbeReport>,
    },
    /// It listens on nothing and does nothing, and nothing says that this will change.
    #[error(
        "probe the container: it listens on nothing and has done nothing for {} s: a worker that waits{}",
        .idle.as_secs_f64(), LogTail(.logs)
    )]
    Idle {
        /// How long was waited altogether.
        waited: Duration,
        /// How long it had done nothing.
        idle: Duration,
        /// The container's last lines.
        logs: Vec<String>,
        /// Everything until then.
        report: Box<ProbeReport>,
    },
    /// `--continue-after exit`, and it does not end.
    #[error("wait for the container to end: it still runs after {} s{}", .waited.as_secs_f64(), LogTail(.logs))]
    StillRunning {
        /// How long was waited.
        waited: Duration,
        /// The container's last lines.
        logs: Vec<String>,
        /// Everything until then.
        report: Box<ProbeReport>,
    },
    /// The caller gave up.
    #[error("probe the container: interrupted")]
    Cancelled,
    /// The container cannot be reached.
    #[error("enter the network namespace of process {pid}: {source}")]
    Namespace {
        /// The container's first process.
        pid: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// The container's sockets cannot be seen.
    #[error("read the sockets of process {pid}: {source}")]
    Sockets {
        /// The container's first process.
        pid: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// No HTTP client.
    #[error("set up the HTTP client: {0}")]
    Client(String),
    /// `--continue-after enter` without anybody who could enter something.
    #[error("wait for a line on standard input: it is closed")]
    NoInput,
    /// `--continue-after signal`, and the signal cannot be handled.
    #[error("wait for SIGUSR1: {0}")]
    Signal(std::io::Error),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl ProbeError {
    /// Whether the tool worked and the workload did not do what was expected.
    pub fn is_workload_failure(&self) -> bool {
        self.report().is_some()
    }

    /// What had been found when the workload failed.
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

    /// What the user may do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotReady { .. } => {
                "a workload that does not listen gets ready by --wait-for-log REGEX, or is given \
                 --continue-after DURATION|exit|enter|signal; --ready-timeout gives it more time"
            }
            Self::Idle { .. } => {
                "--continue-after 30s lets it run that long and builds from what it did (also exit, enter, signal), \
                 --exec COMMAND gives it something to do, --wait-for-log REGEX says when it is ready; with \
                 --ready-timeout DURATION it is waited for that long whatever it does"
            }
            Self::Exited { .. } => {
                "run the image with `docker run` and the same options; it must work by itself"
            }
            Self::Failed { .. } => {
                "the original image gave this answer, before anything was removed; --ignore-probe-failures goes on"
            }
            Self::StillRunning { .. } => "give it more time, or another --continue-after",
            Self::NoInput => {
                "standard input must be a terminal; use --continue-after signal or a duration"
            }
            Self::Namespace { .. } | Self::Sockets { .. } => {
                "this needs root on the host that runs the container"
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
            return f.write_str("\nthe container wrote nothing");
        }
        f.write_str("\nlast lines of the container:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}
