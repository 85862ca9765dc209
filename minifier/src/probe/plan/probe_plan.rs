//! [`ProbePlan`]: the steps and limits of driving a container.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use regex::Regex;

use super::duration::parse_duration;
use super::error::ProbePlanError;
use super::healthcheck::HealthCheck;
use super::request::HttpProbe;
use crate::image::ImageConfig;
use crate::probe::sockets::Protocol;
use crate::runtime::parse_command;

/// How a container is driven. [`Self::for_image`] is the plan without any option.
#[derive(Debug, Clone)]
pub struct ProbePlan {
    /// Ports that the image declares. They are waited for, and tried first.
    pub exposed: BTreeSet<Exposed>,
    /// How long the container may take until it is ready. Default 60 s.
    pub ready_timeout: Duration,
    /// How long a container may do nothing if nothing says that it will listen (no declared port, no port of a probe, no
    /// health check, no line to wait for). After that it counts as a worker that has started: it is ready for commands, and
    /// without any it is an error. Default 8 s; `None` waits for the whole `ready_timeout`.
    pub idle_timeout: Option<Duration>,
    /// The container is ready when a line of its output matches, and only then.
    pub wait_for_log: Option<Regex>,
    /// The image's `HEALTHCHECK`: run once, after the container is ready.
    pub healthcheck: Option<HealthCheck>,
    /// Whether the links of websites are followed. Default [`Crawl::Auto`].
    pub crawl: Crawl,
    /// Limits of crawling, for each port.
    pub crawl_limits: CrawlLimits,
    /// Ports for HTTP probes, in place of those that are found; they are waited for.
    pub http_ports: BTreeSet<u16>,
    /// Time limit of one HTTP exchange. Default 30 s.
    pub http_timeout: Duration,
    /// How long a request is repeated if a port answers 502, 503, 504 or not at all: it may be starting. Default 10 s.
    pub http_retry: Duration,
    /// Explicit probes and commands, in the order given.
    pub steps: Vec<Step>,
    /// Time limit of one command. Default 120 s.
    pub step_timeout: Duration,
    /// When to stop the container. Default [`ContinueAfter::Probe`].
    pub continue_after: ContinueAfter,
    /// Time limit with [`ContinueAfter::Exit`]; `None`, the default, waits for ever.
    pub exit_timeout: Option<Duration>,
    /// Exit code of a container that ends by itself. Default 0.
    pub expected_exit: i64,
    /// Grace period of the stop; by default the container's own, otherwise 10 s.
    pub grace: Option<Duration>,
    /// Whether probing goes on after a failed probe, which is then only reported.
    pub ignore_failures: bool,
}

impl ProbePlan {
    /// The default plan for an image: its ports, its health check, and HTTP on every port that speaks it.
    pub fn for_image(config: &ImageConfig) -> Self {
        Self {
            exposed: config.exposed_ports().flat_map(Exposed::parse).collect(),
            healthcheck: HealthCheck::of(config),
            ..Self::default()
        }
    }

    /// The explicit HTTP probes.
    pub fn http_probes(&self) -> impl Iterator<Item = &HttpProbe> {
        self.steps.iter().filter_map(|step| match step {
            Step::Http(probe) => Some(probe),
            _ => None,
        })
    }

    /// Whether `GET /` is sent to every port that speaks HTTP, and its links are followed.
    pub fn crawls(&self) -> bool {
        match self.crawl {
            Crawl::Always => true,
            Crawl::Never => false,
            Crawl::Auto => self.http_probes().next().is_none(),
        }
    }

    /// Whether the protocols of ports have to be detected.
    pub(crate) fn needs_detection(&self) -> bool {
        self.crawls()
            || self
                .http_probes()
                .any(|p| p.port.is_none() || p.scheme.is_none())
    }

    /// Whether the plan has only explicit HTTP probes, which are repeated while a server starts.
    pub(crate) fn is_repeated(&self) -> bool {
        let only_http = self.steps.iter().all(|step| matches!(step, Step::Http(_)));
        only_http && !self.steps.is_empty() && !self.crawls()
    }

    /// Whether commands are run, inside the container or on this host.
    pub(crate) fn has_commands(&self) -> bool {
        let is_command = |step: &Step| matches!(step, Step::Exec(_) | Step::HostExec(_));
        self.steps.iter().any(is_command)
    }

    /// How long the container may do nothing until it counts as a worker; `None` if something says that it will listen, or
    /// that it gets ready in another way.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        let says_more = !self.exposed.is_empty()
            || self.healthcheck.is_some()
            || self.wait_for_log.is_some()
            || self.continue_after != ContinueAfter::Probe
            || self.http_probes().next().is_some()
            || !self.http_ports.is_empty();
        self.idle_timeout.filter(|_| !says_more)
    }

    /// TCP ports that have to listen before the container counts as ready.
    pub(crate) fn required_ports(&self) -> BTreeSet<u16> {
        self.http_probes()
            .filter_map(|probe| probe.port)
            .chain(self.http_ports.clone())
            .collect()
    }
}

impl Default for ProbePlan {
    fn default() -> Self {
        Self {
            exposed: BTreeSet::new(),
            ready_timeout: Duration::from_secs(60),
            idle_timeout: Some(Duration::from_secs(8)),
            wait_for_log: None,
            healthcheck: None,
            crawl: Crawl::Auto,
            crawl_limits: CrawlLimits::default(),
            http_ports: BTreeSet::new(),
            http_timeout: Duration::from_secs(30),
            http_retry: Duration::from_secs(10),
            steps: Vec::new(),
            step_timeout: Duration::from_secs(120),
            continue_after: ContinueAfter::Probe,
            exit_timeout: None,
            expected_exit: 0,
            grace: None,
            ignore_failures: false,
        }
    }
}

/// A port of the image's `ExposedPorts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposed {
    /// Transport protocol; TCP if the image names none.
    pub protocol: Protocol,
    /// Port number in the container.
    pub port: u16,
}

impl Exposed {
    /// Reads a key such as `80`, `80/tcp`, `53/udp` or `8000-8003/tcp`; others, such as SCTP, cannot be probed.
    fn parse(text: &str) -> Vec<Self> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return Vec::new(),
        };
        // Docker writes a key for each port of a range; others may keep the range.
        let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) => (low..=high).map(|port| Self { protocol, port }).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether `GET /` is sent and links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crawl {
    /// Unless there are explicit HTTP probes.
    Auto,
    /// Besides explicit HTTP probes.
    Always,
    /// Even without explicit HTTP probes, no.
    Never,
}

/// Bounds of one crawl, that is of one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrawlLimits {
    /// Number of links from `/` to a page. Default 3.
    pub depth: usize,
    /// Number of requests. Default 100.
    pub pages: usize,
    /// Total bytes of all bodies. Default 64 MiB.
    pub bytes: u64,
    /// Total time. Default 30 s.
    pub time: Duration,
}

impl Default for CrawlLimits {
    fn default() -> Self {
        Self {
            depth: 3,
            pages: 100,
            bytes: 64 << 20,
            time: Duration::from_secs(30),
        }
    }
}

/// One explicit probe or command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send an HTTP request to each of its ports.
    Http(HttpProbe),
    /// Run a command inside the container.
    Exec(Vec<String>),
    /// Run a command of this host in the container's network namespace.
    HostExec(Vec<String>),
}

impl Step {
    /// Reads one `--exec`.
    pub fn exec(text: &str) -> Result<Self, ProbePlanError> {
        Ok(Self::Exec(parse_command(text)?))
    }

    /// Reads one `--host-exec`.
    pub fn host_exec(text: &str) -> Result<Self, ProbePlanError> {
        Ok(Self::HostExec(parse_command(text)?))
    }
}

/// When the container is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContinueAfter {
    /// When the probes are done.
    Probe,
    /// When it has ended by itself.
    Exit,
    /// This long after the probes.
    For(Duration),
    /// When a line is entered on standard input.
    Enter,
    /// On `SIGUSR1`.
    Signal,
}

impl FromStr for ContinueAfter {
    type Err = ProbePlanError;

    fn from_str(text: &str) -> Result<Self, ProbePlanError> {
        Ok(match text {
            "probe" => Self::Probe,
            "exit" => Self::Exit,
            "enter" => Self::Enter,
            "signal" => Self::Signal,
            text => Self::For(
                parse_duration(text).map_err(|_| ProbePlanError::ContinueAfter(text.to_owned()))?,
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::plan::request::parse_http_probe;

    #[test]
    fn the_ways_to_go_on_are_words_or_a_duration() {
        assert_eq!("exit".parse(), Ok(ContinueAfter::Exit));
        assert_eq!(
            "90s".parse(),
            Ok(ContinueAfter::For(Duration::from_secs(90)))
        );
        assert!("later".parse::<ContinueAfter>().is_err());
    }

    fn config(execution: serde_json::Value) -> ImageConfig {
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": execution,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
    }

    #[test]
    fn the_image_names_its_ports() {
        let plan = ProbePlan::for_image(&config(serde_json::json!({
            "ExposedPorts": {"8000-8001/tcp": {}, "53/udp": {}, "9/sctp": {}, "x": {}},
        })));
        let exposed: Vec<_> = plan.exposed.iter().map(|e| (e.protocol, e.port)).collect();
        assert_eq!(
            exposed,
            [
                (Protocol::Tcp, 8000),
                (Protocol::Tcp, 8001),
                (Protocol::Udp, 53)
            ]
        );
    }

    #[test]
    fn explicit_probes_replace_the_crawl_unless_asked_for() {
        let mut plan = ProbePlan::default();
        assert!(plan.crawls());
        plan.steps = vec![Step::exec("true").unwrap()];
        assert!(plan.crawls());
        plan.steps.push(Step::Http(parse_http_probe("/x").unwrap()));
        assert!(!plan.crawls());
        plan.crawl = Crawl::Always;
        assert!(plan.crawls());
        plan.crawl = Crawl::Never;
        assert!(!plan.crawls());
    }
}
