//! The container's whole life, with tracing from before its start until after its end.

use std::time::Instant;

use super::errors;
use super::pipeline::Build;
use crate::cli::error::CliError;
use crate::cli::printer::{Printer, Stage as Shown};
use crate::probe::{self, ContinueAfter, Event, ProbePlan, ProbeReport, StepResult};
use crate::report::Stage;
use crate::runtime::{Container, DockerRuntime, LogStream, Logs, Workload};
use crate::trace::Trace;
use crate::transport::{Daemon, Inspected};

/// Creates, follows, starts, drives, stops and removes a container. It is removed whatever happens.
pub(super) async fn run(
    build: &Build<'_>,
    daemon: &Daemon,
    image: &Inspected,
) -> Result<(ProbeReport, Trace), CliError> {
    let stage = build.printer.stage("run");
    let runtime = DockerRuntime::new(daemon.client().clone());
    let outcome = build
        .unless_cancelled(live(build, &runtime, image, &stage))
        .await;
    stage.at("removing the container");
    let swept = runtime.sweep().await;
    match (outcome, swept) {
        (Ok(result), Ok(_)) => result,
        (Ok(Ok(_)), Err(left)) => Err(errors::runtime(left)),
        (outcome, swept) => {
            // Whatever went wrong first comes last, and what is left behind is told too.
            if let Err(left) = swept {
                let hint = left.hint();
                build.printer.warning(&left, hint);
            }
            outcome?
        }
    }
}

async fn live(
    build: &Build<'_>,
    runtime: &DockerRuntime,
    image: &Inspected,
    stage: &Shown,
) -> Result<(ProbeReport, Trace), CliError> {
    stage.at("creating the container");
    let id = image.id.to_string();
    let creating = async {
        let container = runtime.create(&id, &build.options.run).await;
        container.map_err(errors::runtime)
    };
    let (mut tracer, container) = tokio::try_join!(build.attach(), creating)?;
    let started = Instant::now();
    tracer.follow(container.id()).map_err(errors::trace)?;
    stage.at("starting the container");
    container.start().await.map_err(errors::runtime)?;
    let of_image = ProbePlan::for_image(&image.config);
    let plan = ProbePlan {
        exposed: of_image.exposed,
        healthcheck: of_image.healthcheck,
        ..build.options.probe.clone()
    };
    let observer = |event: Event<'_>| observe(build, stage, event);
    let driving = probe::drive(&container, &plan, &build.cancel, &observer);
    let report = if build.options.show_logs {
        with_logs(build.printer, &container, driving).await
    } else {
        driving.await
    };
    let report = report.map_err(errors::probe)?;
    stage.at("collecting the trace");
    let trace = tracer.finish().await.map_err(errors::trace)?;
    container.remove().await.map_err(errors::runtime)?;
    build.took(Stage::Run, started);
    Ok((report, trace))
}

fn observe(build: &Build<'_>, stage: &Shown, event: Event<'_>) {
    match event {
        Event::WaitingReady(_) => stage.at("waiting until the workload is ready"),
        Event::Ready(readiness) => tracing::info!(?readiness, "ready"),
        Event::StepStarted { asked, .. } => stage.at(asked),
        Event::StepFinished(step) => finished(build, step),
        Event::Waiting(until) => waiting(build.printer, stage, until),
        Event::Exited(exit) => tracing::info!(code = exit.code, "the container ended by itself"),
        Event::Stopping => stage.at("stopping the container"),
        Event::Stopped(stopped) => tracing::info!(?stopped, "stopped"),
    }
}

/// What the user is to do now must be seen without a terminal too.
fn waiting(printer: &Printer, stage: &Shown, until: ContinueAfter) {
    match until {
        ContinueAfter::Probe => {}
        ContinueAfter::Exit => stage.at("waiting until the workload ends"),
        ContinueAfter::For(time) => stage.at(format!("going on in {} s", time.as_secs_f64())),
        ContinueAfter::Enter => printer.note("use the workload, then press Enter"),
        ContinueAfter::Signal => printer.note(format_args!(
            "use the workload, then send SIGUSR1: kill -USR1 {}",
            std::process::id()
        )),
    }
}

fn finished(build: &Build<'_>, step: &StepResult) {
    match &step.error {
        // Where it is not ignored, it becomes the error that ends the build.
        Some(error) if !step.ok && build.options.probe.ignore_failures => {
            build
                .printer
                .warning(format_args!("{}: {error}", step.asked), None);
        }
        Some(error) => tracing::info!("{}: {error}", step.asked),
        None => tracing::info!("{}: ok", step.asked),
    }
}

/// Shows the container's output while `work` goes on.
async fn with_logs<T>(
    printer: &Printer,
    container: &Container,
    work: impl Future<Output = T>,
) -> T {
    let mut shown = 0;
    let result = {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => break result,
                chunk = container.logs().next(shown), if !ended(container.logs(), shown) => {
                    shown = chunk.next;
                    show(printer, &chunk.lines);
                }
            }
        }
    };
    show(printer, &container.logs().read(shown).lines);
    result
}

/// True where there is nothing more to wait for.
fn ended(logs: &Logs, shown: u64) -> bool {
    let chunk = logs.read(shown);
    chunk.closed && chunk.lines.is_empty()
}

fn show(printer: &Printer, lines: &[crate::runtime::LogLine]) {
    for line in lines {
        let stream = match line.stream {
            LogStream::Stdout => "out",
            LogStream::Stderr => "err",
        };
        printer.stderr(format_args!("{stream} | {}", line.text));
    }
}
