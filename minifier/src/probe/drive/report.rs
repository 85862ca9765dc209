//! [`ProbeReport`]: what was asked and what came back, as data.

use std::time::Duration;

use serde::Serialize;

use crate::image::Digest;
use crate::probe::http::Speaks;
use crate::probe::sockets::Listener;
use crate::runtime::{Captured, ExitStatus, Stopped, millis};

/// How driving a container went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeReport {
    /// How it got ready.
    pub readiness: Readiness,
    /// TCP ports that were asked what they speak, in order.
    pub ports: Vec<PortReport>,
    /// What listens though nobody exercised it: what it needs beyond starting may be unknown. In order; empty if
    /// commands were run, or the user said when to go on, since these may have reached everything.
    pub unexercised: Vec<Listener>,
    /// What was asked, in order.
    pub steps: Vec<StepResult>,
    /// How it ended, if it did so by itself.
    pub exit: Option<ExitStatus>,
    /// How it was stopped, if it did not end by itself.
    pub stopped: Option<Stopped>,
    /// Problems that did not stop the run: failed probes that were to be ignored, an unexpected exit code.
    pub failures: Vec<String>,
    /// The last lines of its output.
    pub logs_tail: Vec<String>,
}

impl ProbeReport {
    /// What is known of the TCP port of a listener, of which there can be one for each family of addresses.
    pub fn port_of(&self, listener: &Listener) -> Option<&PortReport> {
        let number = listener.tcp()?.port();
        let has = |port: &&PortReport| port.listener.tcp().is_some_and(|a| a.port() == number);
        self.ports.iter().find(has)
    }
}

/// How a container got ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// What showed it.
    #[serde(flatten)]
    pub by: ReadyBy,
    /// Time since the start of probing.
    #[serde(rename = "after_ms", serialize_with = "millis")]
    pub after: Duration,
    /// What it listened to then, in order.
    pub listeners: Vec<Listener>,
}

/// What showed that a container is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum ReadyBy {
    /// It listens.
    Listening,
    /// Its health check passed.
    HealthCheck,
    /// A line of its output matched.
    Log {
        /// The line.
        line: String,
    },
    /// It listens on nothing and does nothing, and there are commands to run.
    Idle,
    /// It has ended: a one-shot image.
    Exit,
    /// The user said when to go on; it showed nothing of itself.
    User,
}

/// What a TCP port speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortReport {
    /// Where it listens.
    pub listener: Listener,
    /// What it speaks.
    pub speaks: Speaks,
    /// Name of what it speaks, if that is not HTTP and is known.
    pub protocol: Option<&'static str>,
    /// Which limit ended the crawl; `None` if all links were followed, or none were to be.
    pub crawl_cut: Option<CrawlCut>,
}

/// Which of [`crate::probe::plan::CrawlLimits`] left links unfollowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrawlCut {
    /// Links lay deeper.
    Depth,
    /// There were more links.
    Pages,
    /// Bodies were longer.
    Bytes,
    /// It took longer.
    Time,
}

/// One thing that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepResult {
    /// What kind of thing.
    pub kind: StepKind,
    /// The request line with the URL, or the command.
    pub asked: String,
    /// What came back; `None` if nothing did.
    pub answered: Option<Answer>,
    /// From the question to the end of the answer, without retries.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// Whether the answer is as expected, or if nothing is expected of it.
    pub ok: bool,
    /// What is wrong with the answer; also set if nothing is expected of it.
    pub error: Option<String>,
}

/// What kind of thing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The image's health check.
    Healthcheck,
    /// `GET /`, sent because the port speaks HTTP.
    HttpDefault,
    /// What every site is asked, sent because `/` was answered: a path that does not exist, `HEAD /`, and so on.
    HttpCustomary,
    /// A route that an OpenAPI document of the site declares.
    HttpOpenapi,
    /// A link that was found.
    HttpCrawl,
    /// A request that the user gave.
    Http,
    /// A command inside the container.
    Exec,
    /// A command on the host, in the container's network.
    HostExec,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Answer {
    /// An HTTP response, the last one where redirections were followed.
    Http {
        /// Status code.
        status: u16,
        /// `Content-Type`.
        content_type: Option<String>,
        /// `Location`, where it was not followed.
        location: Option<String>,
        /// URLs of the redirections that were followed.
        redirects: Vec<String>,
        /// Bytes of the body that were read.
        bytes: u64,
        /// Whether the body goes on.
        truncated: bool,
        /// Digest of these bytes.
        sha256: Digest,
    },
    /// The end of a command.
    Command {
        /// Exit code; `None` if it was killed at its time limit.
        exit_code: Option<i64>,
        /// Its output.
        stdout: Captured,
        /// Its error output.
        stderr: Captured,
        /// The last lines of both.
        output_tail: Vec<String>,
    },
}
