//! [`ProbeReport`]: the requests to a container and its answers, as data.

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
    /// Listeners that no probe has exercised, in order: the files that they need beyond starting may be unknown. Empty if
    /// commands were run, or if the user decided when to go on, since these may have reached everything.
    pub unexercised: Vec<Listener>,
    /// All steps, in order.
    pub steps: Vec<StepResult>,
    /// How it ended, if it did so by itself.
    pub exit: Option<ExitStatus>,
    /// How it was stopped, if it did not end by itself.
    pub stopped: Option<Stopped>,
    /// Problems that did not end the run: ignored failures of probes, an unexpected exit code.
    pub failures: Vec<String>,
    /// The last lines of its output.
    pub logs_tail: Vec<String>,
}

impl ProbeReport {
    /// The report on a listener's TCP port. Listeners of IPv4 and IPv6 share one.
    pub fn port_of(&self, listener: &Listener) -> Option<&PortReport> {
        let number = listener.tcp()?.port();
        let has = |port: &&PortReport| port.listener.tcp().is_some_and(|a| a.port() == number);
        self.ports.iter().find(has)
    }
}

/// How a container got ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The first sign that it is ready.
    #[serde(flatten)]
    pub by: ReadyBy,
    /// Time since the start of probing.
    #[serde(rename = "after_ms", serialize_with = "millis")]
    pub after: Duration,
    /// Its listeners at that time, in order.
    pub listeners: Vec<Listener>,
}

/// The sign that a container is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum ReadyBy {
    /// Its sockets have been listening, unchanged, for long enough.
    Listening,
    /// Its health check passed.
    HealthCheck,
    /// A line of its output matched.
    Log {
        /// Text of the first line that matched.
        line: String,
    },
    /// It listens on nothing and does nothing, and there are commands to run.
    Idle,
    /// It has ended: a one-shot image.
    Exit,
    /// The user decided when to go on; the container itself showed nothing.
    User,
}

/// The protocol of a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortReport {
    /// One of its listeners, to name it by.
    pub listener: Listener,
    /// Protocol, as far as HTTP is concerned.
    pub speaks: Speaks,
    /// Name of what it speaks, if that is not HTTP and is known.
    pub protocol: Option<&'static str>,
    /// The limit that ended the crawl; `None` if all links were followed, or no links were to be followed.
    pub crawl_cut: Option<CrawlCut>,
}

/// Which of [`crate::probe::plan::CrawlLimits`] left links unfollowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrawlCut {
    /// There were links at a greater depth.
    Depth,
    /// There were more pages.
    Pages,
    /// The bodies had more bytes.
    Bytes,
    /// It took more time.
    Time,
}

/// One request or command, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepResult {
    /// Kind of the step.
    pub kind: StepKind,
    /// The request line with the URL, or the command.
    pub asked: String,
    /// The answer; `None` if there was none.
    pub answered: Option<Answer>,
    /// Time from the request to the end of the answer, without earlier attempts.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// Whether the answer is as expected, or if nothing is expected of it.
    pub ok: bool,
    /// The fault of the answer. Also set if nothing is expected of it.
    pub error: Option<String>,
}

/// Kind of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The image's health check.
    Healthcheck,
    /// `GET /`, sent because the port speaks HTTP.
    HttpDefault,
    /// A request that every site gets, sent because `/` was answered: a path that does not exist, `HEAD /`, and so on.
    HttpCustomary,
    /// A route that an OpenAPI document of the site declares.
    HttpOpenapi,
    /// A link in an earlier answer.
    HttpCrawl,
    /// A request that the user gave.
    Http,
    /// A command inside the container.
    Exec,
    /// A command on the host, in the container's network.
    HostExec,
}

/// The answer to a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Answer {
    /// An HTTP response, the last one if redirections were followed.
    Http {
        /// Status code of the response.
        status: u16,
        /// `Content-Type` as sent; `None` if there is none.
        content_type: Option<String>,
        /// `Location` of a redirection that was not followed.
        location: Option<String>,
        /// URLs of the redirections that were followed.
        redirects: Vec<String>,
        /// Bytes of the body that were read.
        bytes: u64,
        /// Whether the body was longer, or did not end in time.
        truncated: bool,
        /// Digest of the bytes that were read.
        sha256: Digest,
    },
    /// The end of a command.
    Command {
        /// Exit code; `None` if it was killed at its time limit.
        exit_code: Option<i64>,
        /// Its standard output.
        stdout: Captured,
        /// Its standard error.
        stderr: Captured,
        /// The last lines of both.
        output_tail: Vec<String>,
    },
}
