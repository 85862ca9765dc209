//! The container's whole life, with tracing from before its start until after its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use super::container::Managed;
use super::errors;
use super::origin::Origin;
use super::pipeline::Build;
use crate::cli::error::CliError;
use crate::cli::printer::{Printer, Stage as Shown};
use crate::cli::storage;
use crate::image::ImageConfig;
use crate::probe::{self, ContinueAfter, Event, ProbePlan, ProbeReport, StepResult};
use crate::report::Stage;
use crate::runtime::{
    CacheLimits, DockerRuntime, LayerCache, LogStream, Logs, OciRuntime, RUN_LABEL, RuntimeError,
};
use crate::trace::{Trace, Tracer};
use crate::transport::{Daemon, Location, Source, TransportError, WriteOptions, write_image};

/// Runs an image that the Docker daemon has.
pub(super) async fn with_docker(
    build: &Build<'_>,
    daemon: &Daemon,
    image: &str,
    config: &ImageConfig,
) -> Result<(ProbeReport, Trace), CliError> {
    let runtime = DockerRuntime::new(daemon.client().clone(), &build.run)
        .with_limits(build.options.run_limits);
    in_docker(build, &runtime, image, config).await
}

/// The same by a runtime that is there.
async fn in_docker(
    build: &Build<'_>,
    runtime: &DockerRuntime,
    image: &str,
    config: &ImageConfig,
) -> Result<(ProbeReport, Trace), CliError> {
    let stage = build.printer.stage("run");
    let creating = async {
        let started = Instant::now();
        let container = runtime.create(image, &build.options.run).await;
        build.took(Stage::Create, started);
        container
    };
    let noted = build.left.note(format_args!(
        "perhaps a container, see docker ps --all --filter label={RUN_LABEL}={}",
        runtime.run()
    ));
    let living = build.unless_cancelled(live(build, creating, config, &stage));
    let (outcome, ()) = tokio::join!(living, sweep_abandoned(build, runtime));
    stage.at("removing the container");
    let swept = build.parting(runtime.sweep()).await.unwrap_or_else(|| {
        Err(RuntimeError::LeftBehind {
            ids: runtime.leftovers(),
            reason: "the Docker daemon does not answer".to_owned(),
        })
    });
    if swept.is_ok() {
        noted.gone();
    }
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

/// Removes what killed builds left in the daemon. That is no reason for this one to fail.
async fn sweep_abandoned(build: &Build<'_>, runtime: &DockerRuntime) {
    match build.unless_cancelled(runtime.sweep_abandoned()).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(swept)) => tracing::info!(swept, "removed what killed runs had left"),
        Ok(Err(error)) => build.printer.warning(&error, error.hint()),
    }
}

/// Runs a stored image by the Docker daemon, which gets it under a name of its own for that time.
pub(super) async fn loaded(
    build: &Build<'_>,
    daemon: &Daemon,
    origin: &Origin,
    scratch: &Path,
) -> Result<(ProbeReport, Trace), CliError> {
    let Origin::Stored(stored) = origin else {
        unreachable!("the daemon's own images are not loaded")
    };
    let runtime = DockerRuntime::new(daemon.client().clone(), &build.run)
        .with_limits(build.options.run_limits);
    let name = runtime.image_name();
    let reference = name
        .parse()
        .map_err(|e| errors::transport(TransportError::Reference(e)))?;
    let location = Location::docker_daemon(reference);
    let options = WriteOptions {
        names: Vec::new(),
        mtime: 0,
        compression: None,
        scratch: scratch.to_owned(),
        limits: build.options.limits,
        registry: build.options.registry.clone(),
        control: storage::control(build.printer, "load", &build.cancel),
    };
    let started = Instant::now();
    let noted = build.left.note(format_args!(
        "perhaps the image {name} in the Docker daemon"
    ));
    let written = write_image(stored, &location, &options).await;
    build.took(Stage::Load, started);
    let ran = match written {
        Ok(_) => in_docker(build, &runtime, &name, &stored.config).await,
        Err(error) => Err(errors::transport(error)),
    };
    let removed = build.parting(daemon.remove_name(&name)).await;
    if matches!(removed, Some(Ok(()))) {
        noted.gone();
    }
    match (ran, removed) {
        (Ok(_), Some(Err(error))) => Err(errors::transport(error)),
        (ran, removed) => {
            if let Some(Err(error)) = removed {
                build.printer.warning(&error, error.hint().as_deref());
            }
            ran
        }
    }
}

/// Runs an image by an OCI runtime, from unpacked layers.
pub(super) async fn with_runtime(
    build: &Build<'_>,
    runtime: &OciRuntime,
    cache: &LayerCache,
    source: &Arc<Source>,
) -> Result<(ProbeReport, Trace), CliError> {
    let stage = build.printer.stage("run");
    let creating = async {
        stage.at("unpacking layers");
        let started = Instant::now();
        let (cache, cancel, image) = (cache.clone(), build.cancel.clone(), source.clone());
        let unpacking = spawn_blocking(move || {
            let (config, content) = (&image.image.config, &*image.content);
            cache.unpack(config, &image.layers, content, &cancel)
        });
        let unpacked = match unpacking.await {
            Ok(unpacked) => unpacked?,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        build.took(Stage::Unpack, started);
        stage.at("creating the container");
        let (options, limits) = (&build.options.run, &build.options.run_limits);
        let config = &source.image.config;
        let started = Instant::now();
        let container = runtime.create(&unpacked, config, options, limits).await;
        build.took(Stage::Create, started);
        container
    };
    let noted = build.left.note(format_args!(
        "perhaps a container, in {}/runs",
        cache.folder().display()
    ));
    let running = live(build, creating, &source.image.config, &stage);
    // A container that is dropped is removed before this goes on.
    let outcome = build.unless_cancelled(running).await;
    noted.gone();
    let cache = cache.clone();
    let pruning = spawn_blocking(move || cache.prune(&CacheLimits::default()));
    if let Ok(Err(error)) = pruning.await {
        build.printer.warning(&error, error.hint());
    }
    outcome?
}

/// Creates, follows, starts, drives, stops and removes a container.
async fn live<C: Managed>(
    build: &Build<'_>,
    creating: impl Future<Output = Result<C, RuntimeError>>,
    config: &ImageConfig,
    stage: &Shown,
) -> Result<(ProbeReport, Trace), CliError> {
    let creating = async { creating.await.map_err(errors::runtime) };
    let (mut tracer, container) = tokio::try_join!(build.attach(), creating)?;
    let started = Instant::now();
    tracer.follow(container.id()).map_err(errors::trace)?;
    let confirm = |tracer: &mut Tracer| match container.first_process() {
        Some(process) => tracer.confirm(process).map_err(errors::trace),
        None => Ok(()),
    };
    confirm(&mut tracer)?;
    stage.at("starting the container");
    container.start().await.map_err(errors::runtime)?;
    confirm(&mut tracer)?;
    build.took(Stage::Start, started);
    let of_image = ProbePlan::for_image(config);
    let plan = ProbePlan {
        exposed: of_image.exposed,
        healthcheck: of_image.healthcheck,
        ..build.options.probe.clone()
    };
    let observer = |event: Event<'_>| observe(build, stage, event);
    let driving = probe::drive(&container, &plan, &build.cancel, &observer);
    let driving = async {
        match build.options.show_logs {
            true => with_logs(build.printer, container.logs(), driving).await,
            false => driving.await,
        }
    };
    let report = driving.await.map_err(errors::probe)?;
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
async fn with_logs<T>(printer: &Printer, logs: &Logs, work: impl Future<Output = T>) -> T {
    let mut shown = 0;
    let result = {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => break result,
                chunk = logs.next(shown), if !ended(logs, shown) => {
                    shown = chunk.next;
                    show(printer, &chunk.lines);
                }
            }
        }
    };
    show(printer, &logs.read(shown).lines);
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
        printer.message(format_args!("{stream} | {}", line.text));
    }
}
