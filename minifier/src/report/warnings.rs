//! Warnings that follow from a run of the probes.

use crate::plan::{Warning, WarningLevel};
use crate::probe::{Listener, ProbeReport, StopOutcome, Stopped};

/// Sockets that are named before the rest is only counted.
const NAMED: usize = 6;

/// Warnings about sockets that no probe reached, and about a stop signal without effect.
pub(crate) fn of_probe(probe: &ProbeReport) -> Vec<Warning> {
    let warning = |(message, hint): (String, &str)| Warning {
        severity: WarningLevel::Warning,
        message,
        hint: Some(hint.to_owned()),
    };
    let unexercised = unexercised(probe).map(warning);
    let stop = probe.stopped.as_ref().and_then(ignored).map(warning);
    unexercised.into_iter().chain(stop).collect()
}

fn unexercised(probe: &ProbeReport) -> Option<(String, &'static str)> {
    let named = |listener: &Listener| match probe.port_of(listener).and_then(|port| port.protocol) {
        Some(protocol) => format!("{listener} ({protocol})"),
        None => listener.to_string(),
    };
    let all = &probe.unexercised;
    let mut names: Vec<String> = all.iter().take(NAMED).map(named).collect();
    if all.len() > NAMED {
        names.push(format!("{} more", all.len() - NAMED));
    }
    (!names.is_empty()).then(|| {
        (
            format!(
                "nothing exercised {}: files that only its clients need may be missing from the result",
                names.join(", ")
            ),
            "run a client on this host with --host-exec COMMAND or inside the container with --exec COMMAND, or use \
             the container by hand with --continue-after enter",
        )
    })
}

fn ignored(stopped: &Stopped) -> Option<(String, &'static str)> {
    let Stopped {
        signal,
        exit,
        duration,
        ..
    } = stopped;
    let (seconds, code) = (duration.as_secs_f64(), exit.code);
    let message = match stopped.outcome {
        // A clean end, which is in the trace like everything else.
        StopOutcome::Exited | StopOutcome::AlreadyExited => return None,
        StopOutcome::Killed => format!(
            "the container did not end within {seconds:.1} s after {signal}: it was killed (exit code {code}), \
             so its clean shutdown is not in the trace"
        ),
        StopOutcome::Ignored => format!(
            "the container does not handle {signal}: it was killed (exit code {code}), as `docker stop` would do \
             after 10 s"
        ),
    };
    Some((
        message,
        "put `exec` before the last command of an entrypoint script; for other programs, use an init such as \
         tini (`docker run --init`) or the right STOPSIGNAL; change the time limit with --stop-timeout",
    ))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::probe::{ExitStatus, PortReport, Readiness, ReadyBy, Speaks};

    pub(crate) fn report() -> ProbeReport {
        let listener = Listener::Inet(crate::probe::Protocol::Tcp, "0.0.0.0:22".parse().unwrap());
        ProbeReport {
            readiness: Readiness {
                by: ReadyBy::Listening,
                after: Duration::ZERO,
                listeners: vec![listener.clone()],
            },
            ports: vec![PortReport {
                listener: listener.clone(),
                speaks: Speaks::Other,
                protocol: Some("SSH"),
                crawl_cut: None,
            }],
            unexercised: vec![listener],
            steps: Vec::new(),
            exit: None,
            stopped: Some(Stopped {
                signal: "SIGTERM".to_owned(),
                outcome: StopOutcome::Exited,
                exit: ExitStatus {
                    code: 0,
                    oom_killed: false,
                },
                duration: Duration::from_secs(10),
            }),
            failures: Vec::new(),
            logs_tail: Vec::new(),
        }
    }

    #[test]
    fn a_port_that_nobody_exercised_is_named_with_what_would() {
        let warnings = of_probe(&report());
        assert_eq!(warnings.len(), 1);
        let text = &warnings[0].message;
        assert!(text.contains("tcp 0.0.0.0:22 (SSH)"), "{text}");
        let hint = warnings[0].hint.as_deref().unwrap();
        assert!(
            hint.contains("--exec") && hint.contains("--host-exec"),
            "{hint}"
        );
    }

    #[test]
    fn a_stop_signal_that_is_ignored_is_reported_with_what_to_do() {
        let mut report = report();
        report.unexercised.clear();
        assert_eq!(of_probe(&report), []);
        for (outcome, part) in [
            (
                StopOutcome::Killed,
                "did not end within 10.0 s after SIGTERM",
            ),
            (StopOutcome::Ignored, "does not handle SIGTERM"),
        ] {
            let stopped = report.stopped.as_mut().unwrap();
            (stopped.outcome, stopped.exit.code) = (outcome, 137);
            let warnings = of_probe(&report);
            assert!(warnings[0].message.contains(part), "{warnings:?}");
            assert!(warnings[0].message.contains("137"), "{warnings:?}");
            assert!(warnings[0].hint.as_deref().unwrap().contains("tini"));
        }
    }
}
