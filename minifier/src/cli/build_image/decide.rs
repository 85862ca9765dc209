//! Everything between the trace and the new layers, on a thread for blocking work: merging, planning, rebuilding.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::pipeline::{Build, Merged};
use crate::cli::error::CliError;
use crate::cli::printer::Stage as Shown;
use crate::image::Image;
use crate::plan::{self, Plan, Rules, RunFacts};
use crate::rebuild::{self, RebuildOptions, Rebuilt};
use crate::report::Stage;
use crate::rootfs::RootFs;
use crate::tasks::joined;
use crate::trace::Trace;
use crate::transport::ReadHow;
use crate::units::Size;

/// What was decided and made.
pub(crate) struct Decided {
    pub(crate) image: Image,
    pub(crate) how: ReadHow,
    pub(crate) layer_sizes: Vec<(u64, u64)>,
    pub(crate) rootfs: RootFs,
    pub(crate) trace: Trace,
    pub(crate) plan: Plan,
    pub(crate) rebuilt: Rebuilt,
}

/// What the blocking thread needs of the options.
struct Work {
    rules: Rules,
    run: RunFacts,
    rebuild: RebuildOptions,
    scratch: PathBuf,
    cancel: CancellationToken,
}

pub(crate) async fn decide(
    build: &Build<'_>,
    merged: Merged,
    trace: Trace,
    scratch: &Path,
) -> Result<Decided, CliError> {
    let work = Work {
        rules: build.options.rules.clone(),
        run: build.options.facts.clone(),
        rebuild: build.options.rebuild.clone(),
        scratch: scratch.to_owned(),
        cancel: build.cancel.clone(),
    };
    let planning = build.printer.stage("plan");
    let rebuilding = build.printer.stage("rebuild");
    let started = Instant::now();
    let task = tokio::task::spawn_blocking(move || {
        work.run(merged, trace, &planning, &rebuilding, started)
    });
    // Not dropped on cancellation: the thread watches the token, and writes into a folder that is to be removed.
    let (decided, planned) = joined(task).await?;
    build.took_seconds(Stage::Plan, planned);
    build.took_seconds(Stage::Rebuild, started.elapsed().as_secs_f64() - planned);
    Ok(decided)
}

impl Work {
    /// Gives the result and the seconds that planning took.
    fn run(
        self,
        merged: Merged,
        trace: Trace,
        planning: &Shown,
        rebuilding: &Shown,
        started: Instant,
    ) -> Result<(Decided, f64), CliError> {
        let Merged {
            image,
            how,
            content,
            layer_sizes,
            rootfs,
        } = merged;
        planning.at("following what the traced files need");
        let plan = plan::plan(&image, &rootfs, &*content, &trace, &self.rules, &self.run)?;
        let planned = started.elapsed().as_secs_f64();
        if self.cancel.is_cancelled() {
            return Err(CliError::interrupted());
        }
        let mut watch = |progress: rebuild::Progress| {
            rebuilding.at(format!(
                "{} files, {}",
                progress.files,
                Size(progress.bytes)
            ));
            match self.cancel.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let rebuilt = rebuild::rebuild(
            &image,
            &rootfs,
            &plan.keep,
            &*content,
            &self.rebuild,
            &self.scratch,
            &mut watch,
        )?;
        let decided = Decided {
            image,
            how,
            layer_sizes,
            rootfs,
            trace,
            plan,
            rebuilt,
        };
        Ok((decided, planned))
    }
}
