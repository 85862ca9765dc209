//! Waiting until a container is ready: it listens, its health check passes, a line of its output matches, or it has ended.
//!
//! There is no fixed pause: sockets are looked at every few milliseconds. The first listening socket may be one of several,
//! so the set has to stay the same for a moment. That moment is longer if the evidence is weaker:
//!
//! | listening | of the image's `ExposedPorts` | unchanged for |
//! |---|---|---|
//! | all ports that probes name | | 0.2 s |
//! | TCP | none declared | 0.2 s |
//! | all | declared | 0.2 s |
//! | some | declared | 1 s |
//! | other TCP ports | declared | 10 s, or 0.2 s if one of them speaks HTTP |
//! | UDP or Unix sockets only | none declared | 3 s |
//! | UDP or Unix sockets only | declared | not ready: start scripts of databases do that |
//!
//! A container that does nothing, and of which nothing says that it will listen, is a worker: see [`super::idle`].
//!
//! If the plan has only HTTP probes, which are repeated while a server starts, the ports that are declared or that probes
//! name need not stay unchanged: one more look is enough.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use regex::Regex;
use tokio::time::{sleep, timeout};

use super::error::ProbeError;
use super::finish::Trigger;
use super::health;
use super::idle::until_idle;
use super::report::{ReadyBy, StepResult};
use super::session::ProbeSession;
use crate::probe::http::WebClient;
use crate::probe::plan::{ContinueAfter, Exposed, ProbePlan};
use crate::probe::sockets::{ContainerProcesses, Listener, Listeners, Protocol};
use crate::runtime::{Health, Logs, RuntimeError, Workload};

/// How often sockets are looked at.
const POLL: Duration = Duration::from_millis(25);
const STILL: Duration = Duration::from_millis(200);
const STILL_ONCE: Duration = Duration::from_millis(1);
const STILL_SOME: Duration = Duration::from_secs(1);
const STILL_SOCKETS: Duration = Duration::from_secs(3);
const STILL_OTHERS: Duration = Duration::from_secs(10);
/// From this port on, the kernel assigns ports itself (`ip_local_port_range`): a UDP socket there belongs to a client, of
/// DNS for example.
pub(crate) const EPHEMERAL: u16 = 32768;
/// How long the end of a container may take to be known after its process is gone.
const ENDING: Duration = Duration::from_secs(10);

/// The result of waiting.
pub(crate) enum ReadyOutcome {
    /// Ready; with the result of the health check if that showed it.
    Ready(ReadyBy, Option<Box<StepResult>>),
    /// Not ready in time; a description of what was seen.
    NotReady(String),
    /// It listens on nothing, and has done nothing for this time.
    Idle(Duration),
}

/// Waits until the container is ready.
pub(crate) async fn wait<W: Workload>(
    session: &ProbeSession<'_, W>,
    inside: &ContainerProcesses,
    listeners: &mut Listeners,
    web: &mut WebClient<'_>,
    trigger: &Trigger,
) -> Result<ReadyOutcome, ProbeError> {
    let (workload, plan) = (session.workload(), session.plan());
    // With `--continue-after`, the user decides how long it runs: not being ready in time is no error then.
    let (limit, patient) = match plan.continue_after {
        ContinueAfter::Probe => (plan.ready_timeout, false),
        ContinueAfter::For(duration) => (plan.ready_timeout.min(duration), true),
        ContinueAfter::Exit | ContinueAfter::Enter | ContinueAfter::Signal => {
            (plan.ready_timeout, true)
        }
    };
    let by_log = async {
        match &plan.wait_for_log {
            Some(pattern) => matching(workload.logs(), pattern).await,
            None => std::future::pending().await,
        }
    };
    let by_health = async {
        match &plan.healthcheck {
            // `--wait-for-log` is the only sign then: the user knows better than the image.
            Some(check) if plan.wait_for_log.is_none() => {
                health::until_healthy(workload, check).await
            }
            _ => std::future::pending().await,
        }
    };
    // Some sockets count only when they have been there for longer than a container may be idle.
    let promising = AtomicBool::new(false);
    let by_idleness = async {
        let Some(idle) = plan.idle_limit() else {
            return std::future::pending().await;
        };
        // An error means that the first process has ended, which `workload.exited()` reports.
        while until_idle(inside, idle).await.is_ok() {
            if !promising.load(Ordering::Relaxed) {
                return idle;
            }
        }
        std::future::pending().await
    };
    let by_socket = async {
        match plan.wait_for_log {
            None => listening(plan, listeners, web, &promising).await,
            Some(_) => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        // In this order: a container that has ended may still have shown a matching line or a socket.
        biased;
        exit = workload.exited() => exit.map(|_| ReadyOutcome::Ready(ReadyBy::Exit, None))?,
        line = by_log => ReadyOutcome::Ready(ReadyBy::Log { line }, None),
        result = by_socket => match result {
            Ok(()) => ReadyOutcome::Ready(ReadyBy::Listening, None),
            // Its process may have ended, which is known a moment later, or it cannot be read.
            Err(source) => match timeout(ENDING, workload.exited()).await {
                Ok(exit) => exit.map(|_| ReadyOutcome::Ready(ReadyBy::Exit, None))?,
                Err(_) => {
                    let pid = workload.pid().unwrap_or(0);
                    return Err(ProbeError::Sockets { pid, source });
                }
            },
        },
        result = by_health => ReadyOutcome::Ready(ReadyBy::HealthCheck, Some(Box::new(result?))),
        // A user who goes on early knows that it is ready.
        fired = trigger.fired() => {
            fired?;
            ReadyOutcome::Ready(ReadyBy::User, None)
        }
        idle = by_idleness => ReadyOutcome::Idle(idle),
        () = sleep(limit) => ReadyOutcome::NotReady(String::new()),
    };
    match outcome {
        ReadyOutcome::NotReady(_) if patient => Ok(ReadyOutcome::Ready(ReadyBy::User, None)),
        ReadyOutcome::NotReady(_) => {
            let seen = listeners.read().unwrap_or_default();
            Ok(ReadyOutcome::NotReady(
                observed(workload, plan, &seen).await?,
            ))
        }
        outcome => Ok(outcome),
    }
}

/// The first line that matches, from the container's first line on.
async fn matching(logs: &Logs, pattern: &Regex) -> String {
    let mut next = 0;
    loop {
        let chunk = logs.next(next).await;
        if let Some(line) = chunk
            .lines
            .into_iter()
            .find(|line| pattern.is_match(&line.text))
        {
            return line.text;
        }
        if chunk.closed {
            // `workload.exited()` reports the end.
            std::future::pending::<()>().await;
        }
        next = chunk.next;
    }
}

/// Returns once the listening sockets show that the container is ready.
async fn listening(
    plan: &ProbePlan,
    listeners: &mut Listeners,
    web: &mut WebClient<'_>,
    promising: &AtomicBool,
) -> io::Result<()> {
    let mut seen = BTreeSet::new();
    let mut since = Instant::now();
    let mut asked = None;
    loop {
        let begin = Instant::now();
        let now = listeners.read()?;
        // On a host with many processes or sockets a look takes longer; then there are fewer.
        let poll = POLL.max(4 * begin.elapsed());
        if now != seen {
            seen = now;
            since = Instant::now();
        }
        let still = still_for(plan, &plan.required_ports(), &seen);
        promising.store(still.is_some(), Ordering::Relaxed);
        if let Some(still) = still {
            if since.elapsed() >= still {
                return Ok(());
            }
            if still == STILL_OTHERS
                && since.elapsed() >= STILL
                && plan.needs_detection()
                && asked.as_ref() != Some(&seen)
            {
                // Many images declare a port and listen on another one by configuration. Asking them saves ten seconds.
                web.detect(&seen).await;
                asked = Some(seen.clone());
                if web.ports().iter().any(|port| port.speaks.is_http()) {
                    return Ok(());
                }
            }
        }
        sleep(poll).await;
    }
}

/// How long these sockets must stay the same to show that the container is ready; `None` if they show nothing.
fn still_for(
    plan: &ProbePlan,
    required: &BTreeSet<u16>,
    seen: &BTreeSet<Listener>,
) -> Option<Duration> {
    let exposed = &plan.exposed;
    let all = if plan.is_repeated() {
        STILL_ONCE
    } else {
        STILL
    };
    let open: BTreeSet<Exposed> = seen
        .iter()
        .filter_map(|listener| match listener {
            Listener::Inet(protocol, address) => Some(Exposed {
                protocol: *protocol,
                port: address.port(),
            }),
            Listener::Unix(_) => None,
        })
        .filter(|open| {
            open.protocol == Protocol::Tcp || open.port < EPHEMERAL || exposed.contains(open)
        })
        .collect();
    let is_tcp = |open: &Exposed| open.protocol == Protocol::Tcp;
    let tcp: BTreeSet<u16> = open
        .iter()
        .filter(|open| is_tcp(open))
        .map(|open| open.port)
        .collect();
    if !required.is_empty() {
        return required.is_subset(&tcp).then_some(all);
    }
    if exposed.is_empty() {
        let other = !open.is_empty() || seen.iter().any(|l| matches!(l, Listener::Unix(_)));
        if !tcp.is_empty() {
            return Some(STILL);
        }
        return other.then_some(STILL_SOCKETS);
    }
    match exposed.intersection(&open).count() {
        // UDP and Unix sockets alone prove nothing: the start scripts of PostgreSQL and MySQL run a temporary server on a
        // Unix socket to fill the database.
        0 => (!tcp.is_empty()).then_some(STILL_OTHERS),
        open if open == exposed.len() => Some(all),
        _ => Some(STILL_SOME),
    }
}

/// A description of a container that did not get ready, for its error.
async fn observed<W: Workload>(
    workload: &W,
    plan: &ProbePlan,
    seen: &BTreeSet<Listener>,
) -> Result<String, RuntimeError> {
    let mut parts = Vec::new();
    if let Some(pattern) = &plan.wait_for_log {
        parts.push(format!(
            "no line of its output matched {:?}",
            pattern.as_str()
        ));
    }
    if seen.is_empty() {
        parts.push("it runs but does not listen on a socket".to_owned());
    } else {
        let list: Vec<String> = seen.iter().map(ToString::to_string).collect();
        parts.push(format!("it listens on {}", list.join(", ")));
    }
    let tcp: BTreeSet<u16> = seen.iter().filter_map(|l| Some(l.tcp()?.port())).collect();
    let missing: Vec<String> = plan
        .required_ports()
        .difference(&tcp)
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        parts.push(format!(
            "not on port {}, which probes are to use",
            missing.join(", ")
        ));
    }
    if plan.healthcheck.is_some() {
        parts.push(match workload.health().await? {
            Some(Health::Healthy) => "the daemon says healthy".to_owned(),
            Some(Health::Unhealthy) => "the daemon says unhealthy".to_owned(),
            Some(Health::Starting) | None => "its health check has not passed".to_owned(),
        });
    }
    Ok(parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::plan::HttpProbe;
    use crate::probe::plan::Step;

    fn plan(ports: &[u16], steps: &[Step]) -> ProbePlan {
        let exposed = |&port| Exposed {
            protocol: Protocol::Tcp,
            port,
        };
        ProbePlan {
            exposed: ports.iter().map(exposed).collect(),
            steps: steps.to_vec(),
            ..ProbePlan::default()
        }
    }

    fn seen(texts: &[&str]) -> BTreeSet<Listener> {
        texts
            .iter()
            .map(|text| match text.split_once(' ').unwrap() {
                ("tcp", address) => Listener::Inet(Protocol::Tcp, address.parse().unwrap()),
                ("udp", address) => Listener::Inet(Protocol::Udp, address.parse().unwrap()),
                (_, path) => Listener::Unix(path.to_owned()),
            })
            .collect()
    }

    #[test]
    fn stronger_evidence_needs_less_patience() {
        let still = |ports: &[u16], sockets: &[&str]| {
            still_for(&plan(ports, &[]), &BTreeSet::new(), &seen(sockets))
        };
        assert_eq!(still(&[], &[]), None);
        assert_eq!(still(&[], &["tcp 127.0.0.1:9000"]), Some(STILL));
        assert_eq!(still(&[], &["unix /run/x"]), Some(STILL_SOCKETS));
        assert_eq!(still(&[], &["udp 0.0.0.0:53"]), Some(STILL_SOCKETS));
        assert_eq!(still(&[], &["udp 0.0.0.0:40000"]), None);
        assert_eq!(still(&[80], &["tcp [::]:80"]), Some(STILL));
        assert_eq!(still(&[80, 443], &["tcp 0.0.0.0:80"]), Some(STILL_SOME));
        assert_eq!(
            still(&[80, 443], &["tcp 0.0.0.0:80", "tcp 0.0.0.0:443"]),
            Some(STILL)
        );
        assert_eq!(still(&[3306], &["unix /run/mysqld.sock"]), None);
        assert_eq!(still(&[80], &["tcp 0.0.0.0:8080"]), Some(STILL_OTHERS));
    }

    #[test]
    fn ports_that_probes_use_are_awaited() {
        let still =
            |sockets: &[&str]| still_for(&plan(&[80], &[]), &BTreeSet::from([81]), &seen(sockets));
        assert_eq!(still(&["tcp 0.0.0.0:80"]), None);
        assert_eq!(still(&["tcp 0.0.0.0:81"]), Some(STILL));
    }

    #[test]
    fn only_requests_that_are_repeated_need_no_patience() {
        let request = || Step::Http(HttpProbe::new("GET", "/").unwrap());
        let command = || Step::Exec(vec!["psql".to_owned()]);
        for (steps, expected) in [
            (vec![request(), request()], STILL_ONCE),
            (vec![request(), command()], STILL),
            (vec![command()], STILL),
            (vec![], STILL),
        ] {
            let still = still_for(
                &plan(&[80], &steps),
                &BTreeSet::new(),
                &seen(&["tcp [::]:80"]),
            );
            assert_eq!(still, Some(expected), "{steps:?}");
        }
    }

    #[tokio::test]
    async fn a_line_matches_whenever_it_came() {
        let logs = Logs::default();
        logs.push(crate::runtime::LogStream::Stdout, b"a\nready on 80\nb\n");
        let pattern = Regex::new("^ready on [0-9]+$").unwrap();
        assert_eq!(matching(&logs, &pattern).await, "ready on 80");
    }
}
