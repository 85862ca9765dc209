//! The container's whole life, with tracing from before its start until after its end.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;
use tokio_util::task::TaskTracker;

use super::container::Managed;
use super::engine::Engine;
use super::hiding::Hiding;
use super::shared::Build;
use crate::cli::error::CliError;
use crate::cli::printer::{Printer, ShownStage};
use crate::cli::storage;
use crate::image::ImageConfig;
use crate::probe::{self, ContinueAfter, Event, ProbePlan, ProbeReport, StepResult};
use crate::report::Stage;
use crate::rootfs::RootFs;
use crate::runtime::{
    CacheLimits, DockerRuntime, LayerCache, LogStream, Logs, OciRuntime, RUN_LABEL, RunOptions,
    RuntimeError, UnpackLimits,
};
use crate::tasks::joined;
use crate::trace::{Trace, Tracer};
use crate::transport::{
    Daemon, Location, Source, StoredImage, TransportError, WriteOptions, write_image,
};

/// Running an image by the Docker daemon.
pub(crate) struct Docker<'a> {
    build: &'a Build<'a>,
    runtime: DockerRuntime,
    options: RunOptions,
}

impl<'a> Docker<'a> {
    pub(crate) fn new(build: &'a Build<'_>, engine: &Engine, daemon: &Daemon) -> Self {
        let runtime = DockerRuntime::new(daemon.client().clone(), &build.run);
        Self {
            build,
            runtime: runtime.with_limits(build.options.run_limits),
            options: engine.run_options(&build.options.run),
        }
    }

    /// Checks what the daemon will mount and copy, before it does.
    pub(crate) async fn check(
        &self,
        rootfs: &RootFs,
        config: &ImageConfig,
    ) -> Result<(), CliError> {
        let limits = UnpackLimits {
            bytes: self.build.options.limits.uncompressed,
            ..UnpackLimits::default()
        };
        let checking = self.runtime.check(rootfs, config, &self.options, &limits);
        let checked = self.build.unless_cancelled(checking).await?;
        for unseen in checked? {
            let hint = "check its links: one of them could redirect a volume of the image to another path of the container";
            self.build.printer.warning(unseen, Some(hint));
        }
        Ok(())
    }

    /// Runs an image that the daemon has, once it may start. Creating the container need not wait for that, unless the daemon
    /// then copies something into volumes.
    pub(crate) async fn run(
        &self,
        image: &str,
        config: &ImageConfig,
        may_start: impl Future<Output = Result<(), CliError>>,
    ) -> Result<(ProbeReport, Trace), CliError> {
        let build = self.build;
        let stage = build.printer.stage("run");
        let (before_create, before_start) = if DockerRuntime::fills_volumes(config, &self.options) {
            (Some(may_start), None)
        } else {
            (None, Some(may_start))
        };
        let creating = async {
            permitted(before_create).await?;
            let started = Instant::now();
            let container = self.runtime.create(image, &self.options).await;
            build.took(Stage::Create, started);
            container.map_err(CliError::from)
        };
        let noted = build.left.note_of_guard(format_args!(
            "possibly a container: see `docker ps --all --filter label={RUN_LABEL}={}`",
            self.runtime.run()
        ));
        // On the heap: by value, it would go through several stack frames.
        let may_start = permitted(before_start);
        let running = Box::pin(live(build, creating, may_start, config, &stage));
        let living = build.unless_cancelled(running);
        let (outcome, ()) = tokio::join!(living, self.sweep_abandoned());
        stage.at("removing the container");
        let sweeping = build.parting(self.runtime.sweep()).await;
        let swept = sweeping.unwrap_or_else(|| {
            Err(RuntimeError::LeftBehind {
                ids: self.runtime.leftovers(),
                reason: "the Docker daemon does not answer".to_owned(),
            })
        });
        if swept.is_ok() {
            noted.gone();
        }
        with_leftovers(build, outcome.and_then(|result| result), swept)
    }

    /// Removes what killed builds left in the daemon. That is no reason for this one to fail.
    async fn sweep_abandoned(&self) {
        let build = self.build;
        match build.unless_cancelled(self.runtime.sweep_abandoned()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(swept)) => tracing::info!(swept, "removed the leftovers of killed runs"),
            Ok(Err(error)) => build.printer.warning(&error, error.hint()),
        }
    }

    /// Runs a stored image, which the daemon gets under a name of its own for that time.
    pub(crate) async fn run_stored(
        &self,
        stored: &StoredImage,
        scratch: &Path,
    ) -> Result<(ProbeReport, Trace), CliError> {
        let build = self.build;
        let name = self.runtime.image_name();
        let reference = name
            .parse()
            .map_err(|e| CliError::from(TransportError::Reference(e)))?;
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
        let noted = build.left.note_of_guard(format_args!(
            "possibly the image {name} in the Docker daemon"
        ));
        let written = write_image(stored, &location, &options).await;
        build.took(Stage::Load, started);
        let ran = match written {
            Ok(_) => self.run(&name, &stored.config, ready(Ok(()))).await,
            Err(error) => Err(CliError::from(error)),
        };
        let removed = build.parting(self.runtime.remove_image(&name)).await;
        if matches!(removed, Some(Ok(()))) {
            noted.gone();
        }
        match (ran, removed) {
            (Ok(_), Some(Err(error))) => Err(CliError::from(error)),
            (ran, removed) => {
                if let Some(Err(error)) = removed {
                    build.printer.warning(&error, error.hint());
                }
                ran
            }
        }
    }
}

/// Waits for a permission, if one is needed.
async fn permitted(
    permission: Option<impl Future<Output = Result<(), CliError>>>,
) -> Result<(), CliError> {
    match permission {
        Some(permission) => permission.await,
        None => Ok(()),
    }
}

/// The result of a run after which something may have been left behind. Whatever went wrong first comes last, and what
/// is left is reported too.
fn with_leftovers<T>(
    build: &Build<'_>,
    ran: Result<T, CliError>,
    swept: Result<usize, RuntimeError>,
) -> Result<T, CliError> {
    match (ran, swept) {
        (Ok(_), Err(left)) => Err(CliError::from(left)),
        (ran, swept) => {
            if let Err(left) = swept {
                build.printer.warning(&left, left.hint());
            }
            ran
        }
    }
}

/// Runs an image by an OCI runtime, from unpacked layers.
pub(crate) async fn with_runtime(
    build: &Build<'_>,
    runtime: &OciRuntime,
    cache: &LayerCache,
    source: &Arc<Source>,
) -> Result<(ProbeReport, Trace), CliError> {
    let stage = build.printer.stage("run");
    // Unpacking and creating block: they are asked to stop, and waited for, so that the final message is true.
    let (tasks, stop) = (TaskTracker::new(), build.cancel.child_token());
    let creating = async {
        stage.at("unpacking layers");
        let started = Instant::now();
        let (of_cache, cancel, image) = (cache.clone(), stop.clone(), source.clone());
        let unpacked = joined(tasks.spawn_blocking(move || {
            let (config, content) = (&image.image.config, &*image.content);
            of_cache.unpack(config, &image.layers, content, &cancel)
        }))
        .await?;
        build.took(Stage::Unpack, started);
        stage.at("creating the container");
        let started = Instant::now();
        let runtime = runtime.clone().with_limits(build.options.run_limits);
        let options = build.options.run.clone();
        let (config, cancel) = (source.image.config.clone(), stop.clone());
        let container = joined(
            tasks.spawn(async move { runtime.create(&unpacked, &config, &options, &cancel).await }),
        )
        .await;
        build.took(Stage::Create, started);
        container.map_err(CliError::from)
    };
    let noted = build.left.note_of_guard(format_args!(
        "possibly a container, in {}/runs",
        cache.folder().display()
    ));
    let running = live(build, creating, ready(Ok(())), &source.image.config, &stage);
    // A container that is dropped is removed before this goes on.
    let outcome = build.unless_cancelled(running).await;
    let outcome = outcome.and_then(|result| result);
    stage.at("cleaning up");
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let (of_cache, failed) = (cache.clone(), outcome.is_err());
    let cleaning = joined(spawn_blocking(move || {
        let swept = if failed { of_cache.sweep() } else { Ok(0) };
        (swept, of_cache.prune(&CacheLimits::default()))
    }));
    let (swept, pruned) = cleaning.await;
    if swept.is_ok() {
        noted.gone();
    }
    if let Err(error) = pruned {
        build.printer.warning(&error, error.hint());
    }
    with_leftovers(build, outcome, swept)
}

/// Creates, follows, starts, drives, stops and removes a container.
async fn live<C: Managed>(
    build: &Build<'_>,
    creating: impl Future<Output = Result<C, CliError>>,
    may_start: impl Future<Output = Result<(), CliError>>,
    config: &ImageConfig,
    stage: &ShownStage,
) -> Result<(ProbeReport, Trace), CliError> {
    let (mut tracer, container) = tokio::try_join!(build.attach(), creating)?;
    let started = Instant::now();
    tracer.follow(container.id())?;
    let confirm = |tracer: &mut Tracer| match container.first_process() {
        Some(process) => tracer.confirm(process).map_err(CliError::from),
        None => Ok(()),
    };
    confirm(&mut tracer)?;
    may_start.await?;
    stage.at("starting the container");
    container.start().await?;
    confirm(&mut tracer)?;
    build.took(Stage::Start, started);
    let of_image = ProbePlan::for_image(config);
    let plan = ProbePlan {
        exposed: of_image.exposed,
        healthcheck: of_image.healthcheck,
        ..build.options.probe.clone()
    };
    let hiding = Hiding::new(build.options, config);
    let observer = |event: Event<'_>| observe(build, stage, &hiding, event);
    let driving = probe::drive(&container, &plan, &build.cancel, &observer);
    let driving = async {
        if build.options.show_logs {
            with_logs(build.printer, &hiding, container.logs(), driving).await
        } else {
            driving.await
        }
    };
    let report = driving.await?;
    stage.at("collecting the trace");
    let trace = tracer.finish().await?;
    container.remove().await?;
    build.took(Stage::Run, started);
    Ok((report, trace))
}

fn observe(build: &Build<'_>, stage: &ShownStage, hiding: &Hiding, event: Event<'_>) {
    match event {
        Event::WaitingReady(_) => stage.at("waiting until the workload is ready"),
        Event::Ready(readiness) => {
            let readiness = format!("{readiness:?}");
            tracing::info!(readiness = &*hiding.text(&readiness), "ready");
        }
        Event::StepStarted { asked, .. } => stage.at(hiding.text(asked)),
        Event::StepFinished(step) => finished(build, hiding, step),
        Event::Waiting(until) => waiting(build.printer, stage, until),
        Event::Exited(exit) => tracing::info!(code = exit.code, "the container ended by itself"),
        Event::Stopping => stage.at("stopping the container"),
        Event::Stopped(stopped) => tracing::info!(?stopped, "stopped"),
    }
}

/// Reports what the build waits for. What the user has to do now is printed without a terminal too.
fn waiting(printer: &Printer, stage: &ShownStage, until: ContinueAfter) {
    match until {
        ContinueAfter::Probe => {}
        ContinueAfter::Exit => stage.at("waiting until the workload ends"),
        ContinueAfter::For(time) => stage.at(format!("continuing in {} s", time.as_secs_f64())),
        ContinueAfter::Enter => printer.note("use the workload, then press Enter"),
        ContinueAfter::Signal => printer.note(format_args!(
            "use the workload, then send SIGUSR1: kill -USR1 {}",
            std::process::id()
        )),
    }
}

fn finished(build: &Build<'_>, hiding: &Hiding, step: &StepResult) {
    let asked = hiding.text(&step.asked);
    match step.error.as_deref().map(|error| hiding.text(error)) {
        // If it is not ignored, it becomes the error that ends the build.
        Some(error) if !step.ok && build.options.probe.ignore_failures => {
            build
                .printer
                .warning(format_args!("{asked}: {error}"), None);
        }
        Some(error) => tracing::info!("{asked}: {error}"),
        None => tracing::info!("{asked}: ok"),
    }
}

/// Shows the container's output while `work` goes on.
async fn with_logs<T>(
    printer: &Printer,
    hiding: &Hiding,
    logs: &Logs,
    work: impl Future<Output = T>,
) -> T {
    let mut shown = 0;
    let result = {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => break result,
                chunk = logs.next(shown), if !ended(logs, shown) => {
                    shown = chunk.next;
                    show(printer, hiding, &chunk.lines);
                }
            }
        }
    };
    show(printer, hiding, &logs.read(shown).lines);
    result
}

/// Whether there is nothing more to wait for.
fn ended(logs: &Logs, shown: u64) -> bool {
    let chunk = logs.read(shown);
    chunk.closed && chunk.lines.is_empty()
}

fn show(printer: &Printer, hiding: &Hiding, lines: &[crate::runtime::LogLine]) {
    for line in lines {
        let stream = match line.stream {
            LogStream::Stdout => "out",
            LogStream::Stderr => "err",
        };
        printer.message(format_args!("{stream} | {}", hiding.text(&line.text)));
    }
}
