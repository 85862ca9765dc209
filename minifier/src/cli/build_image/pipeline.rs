//! The stages of a build in their order, and what each hands to the next. Reading the layers, attaching to the kernel
//! and running the container go on side by side as far as they can; everything after needs all of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::assemble::Built;
use super::decide::merge;
use super::engine::Engine;
use super::guard::BuildGuard;
use super::hiding::Hiding;
use super::options::Options;
use super::origin::ImageOrigin;
use super::shared::Build;
use super::{assemble, decide, run, scratch, write};
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::exit::Exit;
use crate::cli::left::Left;
use crate::cli::printer::Printer;
use crate::report::{Report, Stage};
use crate::transport::Source;

/// Runs a build. Whatever happens, containers and temporary files are gone afterwards.
pub(crate) async fn run(
    options: &Options,
    printer: &Printer,
    cancel: &CancellationToken,
    left: &Left,
) -> Result<Report, CliError> {
    let build = Build::new(options, printer, cancel, left)?;
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
    let stages = Box::pin(stages(&build, folder.path(), &mut guard));
    let result = build.in_time(stages).await;
    build.took(Stage::Total, started);
    // A folder that cannot be removed is reported: nothing is left behind in silence.
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
    Ok(assemble::report(options, built, build.into_timings()))
}

async fn stages(
    build: &Build<'_>,
    scratch: &Path,
    guard: &mut Option<BuildGuard>,
) -> Result<Built, CliError> {
    let origin = ImageOrigin::find(build, scratch).await?;
    let hiding = Hiding::new(build.options, origin.config());
    let built = of(build, &origin, scratch, guard).await;
    built.map_err(|error| hiding.error(error))
}

/// The stages from an image that was found.
async fn of(
    build: &Build<'_>,
    origin: &ImageOrigin,
    scratch: &Path,
    guard: &mut Option<BuildGuard>,
) -> Result<Built, CliError> {
    let engine = Engine::choose(build, origin).await?;
    *guard = Some(BuildGuard::start(&engine, &build.run, scratch)?);
    build.left.guarded();
    let (merged, (probe, trace)) = match (origin, &engine) {
        (ImageOrigin::Daemon { inspected, .. }, Engine::Docker { daemon, .. }) => {
            let image = inspected.id.to_string();
            let docker = run::Docker::new(build, &engine, daemon);
            let (checked, may_start) = oneshot::channel();
            let reading = async {
                let merged = merge(read(build, origin, scratch).await?).await?;
                docker.check(&merged.rootfs, &inspected.config).await?;
                // Nobody waits for it any more if the other side has failed.
                let _ = checked.send(());
                Ok(merged)
            };
            let may_start = async { may_start.await.map_err(|_| CliError::interrupted()) };
            // On the heap: together they are more than the stack of a build without optimisation holds.
            let running = Box::pin(docker.run(&image, &inspected.config, may_start));
            // Both come to their end, since the container must be removed whatever happens to the other.
            let (read, ran) =
                tokio::join!(build.or_stop(Box::pin(reading)), build.or_stop(running),);
            both(read, ran)?
        }
        (ImageOrigin::Stored(stored), Engine::Docker { daemon, .. }) => {
            let merged = merge(read(build, origin, scratch).await?).await?;
            let docker = run::Docker::new(build, &engine, daemon);
            docker.check(&merged.rootfs, &stored.config).await?;
            let ran = Box::pin(docker.run_stored(stored, scratch)).await?;
            (merged, ran)
        }
        (_, Engine::Oci { runtime, cache }) => {
            let source = Arc::new(read(build, origin, scratch).await?);
            let ran = run::with_runtime(build, runtime, cache, &source).await?;
            let source = Arc::into_inner(source)
                .unwrap_or_else(|| unreachable!("the container that used it is gone"));
            (merge(source).await?, ran)
        }
    };
    if !trace.is_complete() && !build.options.allow_incomplete_trace {
        return Err(errors::incomplete(&trace));
    }
    let decided = decide::decide(build, merged, trace, scratch).await?;
    let annotations = origin.annotations();
    let written = write::write(build, &decided.rebuilt, annotations, scratch).await?;
    Ok(Built {
        decided,
        image_id: origin.image_id(),
        engine: engine.name(),
        probe,
        written,
    })
}

async fn read(build: &Build<'_>, origin: &ImageOrigin, scratch: &Path) -> Result<Source, CliError> {
    let stage = build.printer.stage("read");
    let started = Instant::now();
    let source = origin.read(build, scratch, stage).await?;
    build.took(Stage::Read, started);
    Ok(source)
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
