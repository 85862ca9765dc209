//! Stopping a container as `docker stop` does, and reporting how it ended.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::process;
use super::workload::{StopOutcome, Stopped, Workload};
use crate::runtime::error::RuntimeError;

/// Docker's grace period, for images and options that set none.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait for a container that discards the signal: it may be about to install a handler.
const DOUBT: Duration = Duration::from_millis(500);
/// How long a killed container may take to be gone.
const KILL: Duration = Duration::from_secs(10);

/// A container that can be sent signals.
pub(crate) trait Signalled: Workload {
    /// `STOPSIGNAL` of the image, or `SIGTERM`.
    fn stop_signal(&self) -> &str;

    /// The container's own grace period.
    fn stop_timeout(&self) -> Option<Duration>;

    /// Sends a signal to the first process, which may have ended; false if there is no such signal.
    fn signal(&self, signal: &str) -> impl Future<Output = Result<bool, RuntimeError>> + Send;
}

/// Sends the stop signal, waits for the grace period, then kills the container.
pub(crate) async fn stop<S: Signalled>(
    container: &S,
    grace: Option<Duration>,
) -> Result<Stopped, RuntimeError> {
    let begin = Instant::now();
    let mut signal = container.stop_signal().to_owned();
    let stopped = |signal, outcome, exit| Stopped {
        signal,
        outcome,
        exit,
        duration: begin.elapsed(),
    };
    if let Some(exit) = container.exit() {
        return Ok(stopped(signal, StopOutcome::AlreadyExited, exit));
    }
    // Many images run a program as pid 1 that has no handler for SIGTERM. The kernel then drops the signal, and Docker
    // waits ten seconds for nothing.
    let discarded = match (container.pid(), number(&signal)) {
        (Some(pid), Some(number)) => process::discards(pid, number),
        _ => false,
    };
    if !container.signal(&signal).await? {
        // As Docker does if it does not know the signal.
        "SIGTERM".clone_into(&mut signal);
        container.signal(&signal).await?;
    }
    let full = grace.or(container.stop_timeout()).unwrap_or(GRACE);
    let grace = if discarded { full.min(DOUBT) } else { full };
    if let Ok(exit) = timeout(grace, container.exited()).await {
        return Ok(stopped(signal, StopOutcome::Exited, exit?));
    }
    container.signal("SIGKILL").await?;
    let exit = timeout(KILL, container.exited())
        .await
        .map_err(|_| RuntimeError::NotKilled(container.id().to_owned()))??;
    let outcome = if discarded {
        StopOutcome::Ignored
    } else {
        StopOutcome::Killed
    };
    Ok(stopped(signal, outcome, exit))
}

/// Number of a signal given as `SIGTERM`, `TERM`, `15` or `RTMIN+3`; the same on x86-64 and arm64.
pub(crate) fn number(signal: &str) -> Option<u32> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    /// `SIGRTMIN` of the C libraries, which use the first real-time signals themselves.
    const RTMIN: u32 = 34;
    const RTMAX: u32 = 64;
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Ok(number) = name.parse() {
        return (1..=RTMAX).contains(&number).then_some(number);
    }
    let offset = |rest: &str, sign| match rest {
        "" => Some(0),
        rest => rest.strip_prefix(sign)?.parse().ok(),
    };
    if let Some(rest) = name.strip_prefix("RTMIN") {
        return RTMIN
            .checked_add(offset(rest, '+')?)
            .filter(|number| *number <= RTMAX);
    }
    if let Some(rest) = name.strip_prefix("RTMAX") {
        return RTMAX
            .checked_sub(offset(rest, '-')?)
            .filter(|number| *number >= RTMIN);
    }
    NAMES
        .iter()
        .zip(1..)
        .find_map(|(known, number)| (*known == name).then_some(number))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, expected) in [
            ("SIGTERM", Some(15)),
            ("quit", Some(3)),
            ("28", Some(28)),
            ("WINCH", Some(28)),
            ("SIGSYS", Some(31)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("RTMIN+99", None),
            ("0", None),
            ("SIGFOO", None),
            ("", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
