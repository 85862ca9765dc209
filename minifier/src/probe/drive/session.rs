//! [`ProbeSession`]: one container being driven: the report so far, the observer of its progress, and the errors that end it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::error::ProbeError;
use super::observer::{Event, Observer};
use super::report::{Answer, ProbeReport, Readiness, ReadyBy, StepKind, StepResult};
use crate::probe::http::{FetchError, Fetched};
use crate::probe::plan::{ExpectedStatus, ProbePlan};
use crate::runtime::Workload;

/// Lines of output that a report keeps.
const REPORT_LINES: usize = 100;
/// Lines of output that an error shows.
const ERROR_LINES: usize = 20;
/// How long the end of a container may take to be known after a probe failed because of it.
const ENDING: Duration = Duration::from_secs(3);
/// Time without output after which the last lines of a running container count as read.
const LINES_STILL: Duration = Duration::from_millis(100);
/// How long the last lines may take to arrive.
const LAST_LINES: Duration = Duration::from_secs(2);

/// A container being driven.
pub(crate) struct ProbeSession<'a, W> {
    workload: &'a W,
    plan: &'a ProbePlan,
    observer: &'a dyn Observer,
    begin: Instant,
    /// Ports that answered a request as a web server does.
    pub(crate) reached: BTreeSet<u16>,
    pub(crate) report: ProbeReport,
}

impl<'a, W: Workload> ProbeSession<'a, W> {
    pub(crate) fn new(workload: &'a W, plan: &'a ProbePlan, observer: &'a dyn Observer) -> Self {
        let readiness = Readiness {
            by: ReadyBy::User,
            after: Duration::ZERO,
            listeners: Vec::new(),
        };
        let report = ProbeReport {
            readiness,
            ports: Vec::new(),
            unexercised: Vec::new(),
            steps: Vec::new(),
            exit: None,
            stopped: None,
            failures: Vec::new(),
            logs_tail: Vec::new(),
        };
        Self {
            workload,
            plan,
            observer,
            begin: Instant::now(),
            reached: BTreeSet::new(),
            report,
        }
    }

    pub(crate) fn workload(&self) -> &'a W {
        self.workload
    }

    pub(crate) fn plan(&self) -> &'a ProbePlan {
        self.plan
    }

    /// Time since probing began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    pub(crate) fn tell(&self, event: Event<'_>) {
        self.observer.event(event);
    }

    /// Reports that something is about to be asked.
    pub(crate) fn started(&self, kind: StepKind, asked: &str) {
        self.tell(Event::StepStarted { kind, asked });
    }

    /// Adds a result to the report; an error if it failed and failures are not ignored.
    pub(crate) async fn finished(&mut self, mut result: StepResult) -> Result<(), ProbeError> {
        if !result.ok && may_be_killed(&result) {
            // The end of a container kills its commands and connections a moment before the end itself is known. The error
            // should name the cause.
            let _ = timeout(ENDING, self.workload.exited()).await;
        }
        if let (Some(error), Some(exit)) = (&mut result.error, self.workload.exit()) {
            error.push_str(&format!(" (the container exited with code {})", exit.code));
        }
        self.tell(Event::StepFinished(&result));
        self.report.steps.push(result.clone());
        if result.ok {
            return Ok(());
        }
        let text = format!(
            "{}: {}",
            result.asked,
            result.error.as_deref().unwrap_or_default()
        );
        self.report.failures.push(text);
        if self.plan.ignore_failures {
            return Ok(());
        }
        let logs = self.last_lines(ERROR_LINES).await;
        let report = Box::new(self.take_report().await);
        Err(ProbeError::Failed {
            step: Box::new(result),
            logs,
            report,
        })
    }

    /// Adds a failure if the container has ended with another exit code than the expected one.
    pub(crate) async fn check_exit(&mut self, when: &'static str) -> Result<(), ProbeError> {
        let Some(exit) = self.workload.exit() else {
            return Ok(());
        };
        // A container of which one process ran out of memory can still end with 0.
        if exit.code == self.plan.expected_exit && !exit.oom_killed {
            return Ok(());
        }
        self.report.failures.push(format!(
            "the container exited with code {} {when}",
            exit.code
        ));
        if self.plan.ignore_failures {
            Ok(())
        } else {
            Err(self.exited(when).await)
        }
    }

    /// The error for a container that ended when it should not have.
    pub(crate) async fn exited(&mut self, when: &'static str) -> ProbeError {
        let Some(exit) = self.workload.exit() else {
            unreachable!("asked only of a container that has ended")
        };
        let logs = self.last_lines(ERROR_LINES).await;
        let report = Box::new(self.take_report().await);
        ProbeError::Exited {
            exit,
            when,
            logs,
            report,
        }
    }

    /// The error for a container that does not get ready.
    pub(crate) async fn not_ready(&mut self, observed: String) -> ProbeError {
        let logs = self.last_lines(ERROR_LINES).await;
        let report = Box::new(self.take_report().await);
        let waited = self.plan.ready_timeout;
        ProbeError::NotReady {
            waited,
            observed,
            logs,
            report,
        }
    }

    /// The error for a container that does nothing.
    pub(crate) async fn idle(&mut self, idle: Duration) -> ProbeError {
        let logs = self.last_lines(ERROR_LINES).await;
        let report = Box::new(self.take_report().await);
        let waited = self.elapsed();
        ProbeError::Idle {
            waited,
            idle,
            logs,
            report,
        }
    }

    /// The error for a container that does not end.
    pub(crate) async fn still_running(&mut self, waited: Duration) -> ProbeError {
        let logs = self.last_lines(ERROR_LINES).await;
        let report = Box::new(self.take_report().await);
        ProbeError::StillRunning {
            waited,
            logs,
            report,
        }
    }

    /// The report as it stands, with the end of the output.
    pub(crate) async fn take_report(&mut self) -> ProbeReport {
        let mut report = self.report.clone();
        // One that was stopped has an exit code too, but did not end by itself.
        report.exit = report.exit.or_else(|| match report.stopped {
            None => self.workload.exit(),
            Some(_) => None,
        });
        report.logs_tail = self.last_lines(REPORT_LINES).await;
        report
    }

    /// The end of the output, with what was written a moment ago.
    async fn last_lines(&self, count: usize) -> Vec<String> {
        let logs = self.workload.logs();
        let settle = async {
            let mut next = logs.read(0).next;
            // The output of a daemon's container arrives late: the last lines, which say why it failed, come after the failed
            // probe.
            while let Ok(chunk) = timeout(LINES_STILL, logs.next(next)).await {
                if chunk.closed {
                    return;
                }
                next = chunk.next;
            }
            if self.workload.exit().is_some() {
                logs.closed().await;
            }
        };
        // If they do not arrive, those that are there are shown.
        let _ = timeout(LAST_LINES, settle).await;
        logs.tail(count)
    }
}

/// Whether the result could be the effect of the container's end.
fn may_be_killed(result: &StepResult) -> bool {
    /// Exit code of a command that was killed.
    const KILLED: i64 = 128 + 9;
    match &result.answered {
        None => true,
        Some(Answer::Command { exit_code, .. }) => *exit_code == Some(KILLED),
        Some(Answer::Http { .. }) => false,
    }
}

/// An HTTP exchange that is to be judged.
pub(crate) struct Exchange {
    pub(crate) kind: StepKind,
    /// The request line with the URL.
    pub(crate) asked: String,
    pub(crate) outcome: Result<Fetched, FetchError>,
    pub(crate) duration: Duration,
}

impl Exchange {
    /// Compares the answer with the expected one; without any, every status below 500 is good. If it is not `required`, the
    /// result is good in any case.
    pub(crate) fn judged(&self, expect: Option<&ExpectedStatus>, required: bool) -> StepResult {
        let error = match (&self.outcome, expect) {
            (Err(error), _) => Some(format!("no answer: {error}")),
            (Ok(fetched), Some(expect)) if !expect.contains(fetched.status) => {
                Some(format!("expected status {expect}, got {}", fetched.status))
            }
            (Ok(fetched), None) if fetched.status >= 500 => {
                Some(format!("answered with status {}", fetched.status))
            }
            (Ok(_), _) => None,
        };
        let answered = self.outcome.as_ref().ok().map(|fetched| Answer::Http {
            status: fetched.status,
            content_type: fetched.content_type.clone(),
            location: fetched.location.clone(),
            redirects: fetched.redirects.clone(),
            bytes: fetched.bytes,
            truncated: fetched.truncated,
            sha256: fetched.sha256,
        });
        StepResult {
            kind: self.kind,
            asked: self.asked.clone(),
            answered,
            duration: self.duration,
            ok: error.is_none() || !required,
            error,
        }
    }
}
