//! The stages of a build in their order, and what each hands to the next. Reading the layers, attaching to the kernel
//! and running the container go on side by side as far as they can; everything after needs all of them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::assemble::layer_size;
use super::engine::Engine;
use super::guard::Guard;
use super::hiding::Hiding;
use super::options::Options;
use super::origin::Origin;
use super::write::Written;
use super::{assemble, decide, run, scratch, write};
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::exit::Exit;
use crate::cli::left::Left;
use crate::cli::printer::Printer;
use crate::image::{Digest, Image};
use crate::plan::Plan;
use crate::probe::ProbeReport;
use crate::rebuild::Rebuilt;
use crate::report::{Report, Stage, Timing};
use crate::rootfs::{ContentStore, RootFs};
use crate::runtime::RunId;
use crate::tasks::joined;
use crate::trace::{Trace, Tracer};
use crate::transport::{ReadHow, Source};

/// How long cleaning up may take once the user has given up: a daemon may not answer any more.
const PARTING: Duration = Duration::from_secs(10);

/// What all stages share.
pub(crate) struct Build<'a> {
    pub(crate) options: &'a Options,
    pub(crate) printer: &'a Printer,
    /// Cancelled by the user, at the end of the time allowed, and where a stage fails that others go on beside.
    pub(crate) cancel: CancellationToken,
    /// What is made outside this process bears this name.
    pub(crate) run: RunId,
    pub(crate) left: &'a Left,
    timings: Mutex<Vec<Timing>>,
}

/// An image that was read, its layers merged.
pub(crate) struct Merged {
    pub(crate) image: Image,
    pub(crate) how: ReadHow,
    pub(crate) content: Box<dyn ContentStore>,
    /// Files and bytes of each layer.
    pub(crate) layer_sizes: Vec<(u64, u64)>,
    pub(crate) rootfs: RootFs,
}

/// Everything that the stages gave, for the report.
pub(crate) struct Built {
    pub(crate) image: Image,
    pub(crate) image_id: Digest,
    pub(crate) how: ReadHow,
    /// What ran the container.
    pub(crate) engine: String,
    /// Files and bytes of each original layer.
    pub(crate) layer_sizes: Vec<(u64, u64)>,
    pub(crate) rootfs: RootFs,
    pub(crate) probe: ProbeReport,
    pub(crate) trace: Trace,
    pub(crate) plan: Plan,
    pub(crate) rebuilt: Rebuilt,
    pub(crate) written: Written,
}

/// Runs a build. Whatever happens, containers and temporary files are gone afterwards.
pub(crate) async fn run(
    options: &Options,
    printer: &Printer,
    cancel: &CancellationToken,
    left: &Left,
) -> Result<Report, CliError> {
    let build = Build {
        options,
        printer,
        cancel: cancel.child_token(),
        run: RunId::new().map_err(|e| errors::io("find out which process this is", e))?,
        left,
        timings: Mutex::default(),
    };
    let started = Instant::now();
    // Nobody has to wait for it.
    spawn_blocking(scratch::sweep);
    let folder = scratch::make(&build.run)?;
    let noted = left.note_of_guard(format_args!(
        "the temporary folder {}",
        folder.path().display()
    ));
    let mut guard = None;
    // On the heap: by value, what all stages need at once would go through several stack frames.
    let stages = Box::pin(build.stages(folder.path(), &mut guard));
    let result = build.in_time(stages).await;
    build.took(Stage::Total, started);
    // A folder that cannot be removed must be told of: nothing is left behind in silence.
    let removed = folder.close();
    if removed.is_ok() {
        noted.gone();
    }
    // What could not be removed here is left to the guard, which is not waited for.
    if let Some(guard) = guard.filter(|_| left.is_empty()) {
        guard.dismiss();
    }
    let built = result?;
    removed.map_err(|e| errors::io("remove the temporary folder", e))?;
    let timings = build
        .timings
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(assemble::report(options, built, timings))
}

impl Build<'_> {
    async fn stages(&self, scratch: &Path, guard: &mut Option<Guard>) -> Result<Built, CliError> {
        let origin = Origin::find(self, scratch).await?;
        let hiding = Hiding::new(self.options, origin.config());
        let built = self.of(&origin, scratch, guard).await;
        built.map_err(|error| hiding.error(error))
    }

    /// The stages from an image that was found.
    async fn of(
        &self,
        origin: &Origin,
        scratch: &Path,
        guard: &mut Option<Guard>,
    ) -> Result<Built, CliError> {
        let engine = Engine::choose(self, origin).await?;
        *guard = Some(Guard::start(&engine, &self.run, scratch)?);
        self.left.guarded();
        let (merged, (probe, trace)) = match (origin, &engine) {
            (Origin::Daemon { inspected, .. }, Engine::Docker { daemon, .. }) => {
                let image = inspected.id.to_string();
                let docker = run::Docker::new(self, &engine, daemon);
                let (checked, may_start) = oneshot::channel();
                let reading = async {
                    let merged = merge(self.read(origin, scratch).await?).await?;
                    docker.check(&merged.rootfs, &inspected.config).await?;
                    // Nobody waits for it any more where the other side has failed.
                    let _ = checked.send(());
                    Ok(merged)
                };
                let may_start = async { may_start.await.map_err(|_| CliError::interrupted()) };
                // On the heap: together they are more than the stack of a build without optimisation holds.
                let running = Box::pin(docker.run(&image, &inspected.config, may_start));
                // Both come to their end, since the container must be removed whatever happens to the other.
                let (read, ran) =
                    tokio::join!(self.or_stop(Box::pin(reading)), self.or_stop(running),);
                both(read, ran)?
            }
            (Origin::Stored(stored), Engine::Docker { daemon, .. }) => {
                let merged = merge(self.read(origin, scratch).await?).await?;
                let docker = run::Docker::new(self, &engine, daemon);
                docker.check(&merged.rootfs, &stored.config).await?;
                let ran = Box::pin(docker.run_stored(stored, scratch)).await?;
                (merged, ran)
            }
            (_, Engine::Oci { runtime, cache }) => {
                let source = Arc::new(self.read(origin, scratch).await?);
                let ran = run::with_runtime(self, runtime, cache, &source).await?;
                let source = Arc::into_inner(source)
                    .unwrap_or_else(|| unreachable!("the container that used it is gone"));
                (merge(source).await?, ran)
            }
        };
        if !trace.is_complete() && !self.options.allow_incomplete_trace {
            return Err(errors::incomplete(&trace));
        }
        let decided = decide::decide(self, merged, trace, scratch).await?;
        let annotations = origin.annotations();
        let written = write::write(self, &decided.rebuilt, annotations, scratch).await?;
        Ok(Built {
            image: decided.image,
            image_id: origin.image_id(),
            how: decided.how,
            engine: engine.name(),
            layer_sizes: decided.layer_sizes,
            rootfs: decided.rootfs,
            probe,
            trace: decided.trace,
            plan: decided.plan,
            rebuilt: decided.rebuilt,
            written,
        })
    }

    /// Attaches to the kernel, which takes the verifier's time.
    pub(crate) async fn attach(&self) -> Result<Tracer, CliError> {
        let _stage = self.printer.stage("attach");
        let started = Instant::now();
        let tracer = Tracer::attach(self.options.trace.clone()).await;
        self.took(Stage::Attach, started);
        tracer.map_err(CliError::from)
    }

    async fn read(&self, origin: &Origin, scratch: &Path) -> Result<Source, CliError> {
        let stage = self.printer.stage("read");
        let started = Instant::now();
        let source = origin.read(self, scratch, stage).await?;
        self.took(Stage::Read, started);
        Ok(source)
    }

    /// Where `work` fails, the other stages stop too.
    async fn or_stop<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let result = work.await;
        if result.is_err() {
            self.cancel.cancel();
        }
        result
    }

    /// Waits for `work`, or gives up as soon as the user does.
    pub(crate) async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, CliError> {
        self.cancel
            .run_until_cancelled(work)
            .await
            .ok_or_else(CliError::interrupted)
    }

    /// The result of all stages, or an error if they take longer than the user allows.
    async fn in_time<T>(
        &self,
        stages: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let Some(limit) = self.options.timeout else {
            return stages.await;
        };
        let mut stages = std::pin::pin!(stages);
        if let Ok(result) = timeout(limit, &mut stages).await {
            return result;
        }
        self.cancel.cancel();
        // What came to its end in this moment is as good as before, and so is another error.
        stages.await.map_err(|error| match error.exit {
            Exit::Interrupted => CliError {
                written: error.written,
                ..errors::timeout(limit)
            },
            _ => error,
        })
    }

    /// Waits for `work`, which cleans up: as long as it takes, but no longer than [`PARTING`] once the user has given
    /// up.
    pub(crate) async fn parting<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let overdue = async {
            self.cancel.cancelled().await;
            sleep(PARTING).await;
        };
        tokio::select! {
            result = work => Some(result),
            () = overdue => None,
        }
    }

    /// Notes how long a stage took.
    pub(crate) fn took(&self, stage: Stage, since: Instant) {
        self.took_seconds(stage, since.elapsed().as_secs_f64());
    }

    /// Notes that a stage took so many seconds.
    pub(crate) fn took_seconds(&self, stage: Stage, seconds: f64) {
        tracing::info!("{} took {seconds:.2} s", stage.name());
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.push(Timing { stage, seconds });
    }
}

/// Merges the layers, on a thread for blocking work.
async fn merge(source: Source) -> Result<Merged, CliError> {
    joined(spawn_blocking(move || {
        let Source {
            image,
            layers,
            content,
            how,
            ..
        } = source;
        let layer_sizes = layers.iter().map(layer_size).collect();
        Ok(Merged {
            image,
            how,
            content,
            layer_sizes,
            rootfs: RootFs::merge(layers)?,
        })
    }))
    .await
}

/// Both results, or the error of the one that failed first.
fn both<A, B>(read: Result<A, CliError>, ran: Result<B, CliError>) -> Result<(A, B), CliError> {
    match (read, ran) {
        (Ok(read), Ok(ran)) => Ok((read, ran)),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        // One of the two only says that the other stopped it.
        (Err(read), Err(ran)) if read.exit == Exit::Interrupted => Err(ran),
        (Err(read), Err(_)) => Err(read),
    }
}
