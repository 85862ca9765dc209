//! [`drive`]: all steps in order, from waiting to stopping.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::crawl::crawl;
use super::error::ProbeError;
use super::finish::{Trigger, linger};
use super::observer::{Event, Observer};
use super::ready::ReadyOutcome;
use super::report::{CrawlCut, PortReport, ProbeReport, ReadyBy, StepKind, StepResult};
use super::session::{Exchange, ProbeSession};
use super::unexercised::unexercised;
use super::{command, health, ready};
use crate::probe::http::{Port, Speaks, WebClient};
use crate::probe::plan::{HttpProbe, ProbePlan, Step};
use crate::probe::sockets::{ContainerProcesses, Listeners, Netns, SockDiag};
use crate::runtime::Workload;

/// How long the end of a container may take to be known after its process is gone.
const ENDING: Duration = Duration::from_secs(10);
/// How often ports that appear while others are probed are probed too.
const ROUNDS: usize = 5;

/// Drives a started container: waits until it is ready, runs its health check, sends HTTP requests, runs the plan's
/// steps in order, waits as long as the plan says, and stops it. The container is not removed.
///
/// Nothing keeps running outside the container, even if `cancel` fires or the future is dropped.
pub async fn drive<W: Workload>(
    workload: &W,
    plan: &ProbePlan,
    cancel: &CancellationToken,
    observer: &dyn Observer,
) -> Result<ProbeReport, ProbeError> {
    cancel
        .run_until_cancelled(run(ProbeSession::new(workload, plan, observer)))
        .await
        .unwrap_or(Err(ProbeError::Cancelled))
}

async fn run<W: Workload>(mut session: ProbeSession<'_, W>) -> Result<ProbeReport, ProbeError> {
    let plan = session.plan();
    let trigger = Trigger::new(plan.continue_after)?;
    session.tell(Event::WaitingReady(plan.ready_timeout));
    let Some((inside, netns, mut listeners)) = enter(session.workload()).await? else {
        return one_shot(session).await;
    };
    let mut web = WebClient::new(plan, &netns).map_err(ProbeError::Client)?;
    let outcome = ready::wait(&session, &inside, &mut listeners, &mut web, &trigger).await?;
    session.report.readiness.after = session.elapsed();
    let mut healthy = None;
    match outcome {
        ReadyOutcome::Ready(ReadyBy::Exit, _) => return one_shot(session).await,
        ReadyOutcome::Ready(by, result) => {
            session.report.readiness.by = by;
            healthy = result;
        }
        ReadyOutcome::NotReady(observed) if plan.ignore_failures => {
            session
                .report
                .failures
                .push(format!("not ready: {observed}"));
        }
        ReadyOutcome::NotReady(observed) => return Err(session.not_ready(observed).await),
        // A worker that waits for something to do gets it by `--exec`.
        ReadyOutcome::Idle(_) if plan.has_commands() => session.report.readiness.by = ReadyBy::Idle,
        ReadyOutcome::Idle(idle) if plan.ignore_failures => {
            let failure = format!("not ready: it did nothing for {} s", idle.as_secs_f64());
            session.report.failures.push(failure);
        }
        ReadyOutcome::Idle(idle) => return Err(session.idle(idle).await),
    }
    let seen = listeners.read().unwrap_or_default();
    session.report.readiness.listeners = seen.into_iter().collect();
    session.tell(Event::Ready(&session.report.readiness));

    match (healthy, &plan.healthcheck) {
        // The check itself showed readiness: it need not run again.
        (Some(result), _) => {
            session.started(result.kind, &result.asked);
            session.finished(*result).await?;
        }
        (None, Some(check)) => health::check(&mut session, check).await?,
        (None, None) => {}
    }
    let cuts = default_http(&mut session, &mut web, &mut listeners).await?;
    for step in &plan.steps {
        run_step(&mut session, &web, step).await?;
    }
    session.report.ports = port_reports(&web, &cuts);
    // Read again: listeners may have come while the steps ran.
    let seen = listeners.read().unwrap_or_default();
    session.report.unexercised = unexercised(plan, &seen, &web.ports(), &session.reached);
    // With `--continue-after 30s` and nothing else that showed readiness, those 30 s have passed already.
    let waited = match session.report.readiness.by {
        ReadyBy::User => session.report.readiness.after,
        _ => Duration::ZERO,
    };
    linger(&mut session, &trigger, waited).await?;
    finish(session).await
}

/// Opens the container's namespaces and sockets; `None` if it has ended already.
async fn enter<W: Workload>(
    workload: &W,
) -> Result<Option<(ContainerProcesses, Netns, Listeners)>, ProbeError> {
    let Some(pid) = workload.pid() else {
        workload.exited().await?;
        return Ok(None);
    };
    let opened = match Netns::open(pid) {
        Ok(namespace) => Netns::enter(namespace).await,
        Err(error) => Err(error),
    };
    let entered = match opened {
        Ok(netns) => ContainerProcesses::new(pid)
            .map(|inside| (inside, netns))
            .map_err(|source| ProbeError::Sockets { pid, source }),
        Err(source) => Err(ProbeError::Namespace { pid, source }),
    };
    match entered {
        Ok((inside, netns)) => {
            let diag = netns.run(async { SockDiag::open() }).await;
            // Kernels without CONFIG_INET_DIAG, and some seccomp profiles.
            if let Err(error) = &diag {
                tracing::debug!(%error, "the kernel does not answer sock_diag; /proc does");
            }
            let listeners = Listeners::new(inside.clone(), diag.ok());
            Ok(Some((inside, netns, listeners)))
        }
        // Its first process may have ended meanwhile, which is no error of the tool.
        Err(error) => match timeout(ENDING, workload.exited()).await {
            Ok(exit) => exit.map(|_| None).map_err(ProbeError::from),
            Err(_) => Err(error),
        },
    }
}

/// The end of a container that ended before it got ready.
async fn one_shot<W: Workload>(
    mut session: ProbeSession<'_, W>,
) -> Result<ProbeReport, ProbeError> {
    session.report.readiness.by = ReadyBy::Exit;
    session.report.readiness.after = session.elapsed();
    session.tell(Event::Ready(&session.report.readiness));
    if let Some(exit) = session.workload().exit() {
        session.tell(Event::Exited(&exit));
    }
    session.check_exit("before it listened").await?;
    if !session.plan().steps.is_empty() {
        let when = "before its probes could be sent";
        if !session.plan().ignore_failures {
            return Err(session.exited(when).await);
        }
        session
            .report
            .failures
            .push(format!("the container exited {when}"));
    }
    Ok(session.take_report().await)
}

/// The end of a container that was probed.
async fn finish<W: Workload>(mut session: ProbeSession<'_, W>) -> Result<ProbeReport, ProbeError> {
    let workload = session.workload();
    if let Some(exit) = workload.exit() {
        session.tell(Event::Exited(&exit));
        session.check_exit("while it was probed").await?;
    } else {
        session.tell(Event::Stopping);
        let stopped = workload.stop(session.plan().grace).await?;
        session.tell(Event::Stopped(&stopped));
        session.report.stopped = Some(stopped);
    }
    Ok(session.take_report().await)
}

/// Sends the default requests: `GET /` and the links from there, to every port that speaks HTTP, or to those that the plan
/// names.
async fn default_http<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    web: &mut WebClient<'_>,
    listeners: &mut Listeners,
) -> Result<BTreeMap<u16, Option<CrawlCut>>, ProbeError> {
    let plan = session.plan();
    let mut done = BTreeMap::new();
    if !plan.needs_detection() {
        return Ok(done);
    }
    let mut seen = BTreeSet::new();
    // A server may open further ports when it is asked, or a little later than its first.
    for _ in 0..ROUNDS {
        // If the container has ended, the requests fail with that reason.
        let now = listeners.read().unwrap_or_default();
        if now == seen {
            break;
        }
        seen = now;
        web.detect(&seen).await;
        if !plan.crawls() {
            break;
        }
        for (number, required) in crawl_ports(plan, web) {
            if let Entry::Vacant(place) = done.entry(number) {
                place.insert(crawl(session, web, &web.target(number, None), required).await?);
            }
        }
    }
    Ok(done)
}

/// The ports to crawl, in order, and whether `/` must be answered there.
fn crawl_ports(plan: &ProbePlan, web: &WebClient<'_>) -> Vec<(u16, bool)> {
    if !plan.http_ports.is_empty() {
        return plan
            .http_ports
            .iter()
            .map(|number| (*number, true))
            .collect();
    }
    let ports = web.ports();
    let any_exposed = ports
        .iter()
        .any(|port| port.exposed && port.speaks.is_http());
    ports
        .into_iter()
        .filter(|port| port.speaks.is_http())
        .map(|port| {
            // A gRPC server does not answer a plain GET. A port that the image does not declare may be one for metrics or
            // debugging, with rules of its own.
            let required = port.speaks != Speaks::H2c && (port.exposed || !any_exposed);
            (port.address.port(), required)
        })
        .collect()
}

async fn run_step<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    web: &WebClient<'_>,
    step: &Step,
) -> Result<(), ProbeError> {
    let limit = session.plan().step_timeout;
    let workload = session.workload();
    match step {
        Step::Http(probe) => send(session, web, probe).await,
        Step::Exec(argv) => {
            session.started(StepKind::Exec, &shell_words::join(argv));
            let result = command::exec(workload, StepKind::Exec, argv, limit).await?;
            session.finished(result).await
        }
        Step::HostExec(argv) => {
            session.started(StepKind::HostExec, &shell_words::join(argv));
            let result = command::host_exec(workload, web.netns(), argv, limit).await;
            session.finished(result).await
        }
    }
}

/// Sends one explicit request to each of its ports.
async fn send<W: Workload>(
    session: &mut ProbeSession<'_, W>,
    web: &WebClient<'_>,
    probe: &HttpProbe,
) -> Result<(), ProbeError> {
    let workload = session.workload();
    let unsent = |reason| StepResult {
        kind: StepKind::Http,
        asked: format!("{} {}", probe.method, probe.path),
        answered: None,
        duration: Duration::ZERO,
        ok: false,
        error: Some(reason),
    };
    let targets = match web.targets(probe) {
        Ok(targets) => targets,
        Err(reason) => return session.finished(unsent(reason)).await,
    };
    for target in targets {
        let request = match web.request(probe, &target) {
            Ok(request) => request,
            Err(reason) => return session.finished(unsent(reason)).await,
        };
        let asked = format!("{} {}", request.method, request.url);
        session.started(StepKind::Http, &asked);
        let (outcome, duration) = web.ask(&request, || workload.exit().is_none()).await;
        if outcome.is_ok() {
            session.reached.insert(target.port());
        }
        let expect = probe.expect.as_ref();
        let exchange = Exchange {
            kind: StepKind::Http,
            asked,
            outcome,
            duration,
        };
        session.finished(exchange.judged(expect, true)).await?;
    }
    Ok(())
}

fn port_reports(web: &WebClient<'_>, cuts: &BTreeMap<u16, Option<CrawlCut>>) -> Vec<PortReport> {
    let report = |port: &Port| PortReport {
        listener: port.listener.clone(),
        speaks: port.speaks,
        protocol: port.protocol,
        crawl_cut: cuts.get(&port.address.port()).copied().flatten(),
    };
    web.ports().into_iter().map(report).collect()
}
