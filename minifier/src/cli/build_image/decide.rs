//! Everything between the trace and the new layers, on a thread for blocking work: merging, planning, rebuilding.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::shared::Build;
use crate::cli::error::CliError;
use crate::cli::printer::ShownStage;
use crate::image::Image;
use crate::plan::{self, Plan, Rules, RunFacts};
use crate::rebuild::{self, RebuildOptions, Rebuilt};
use crate::report::Stage;
use crate::rootfs::{ContentStore, EntryKind, LayerIndex, MergedImage, RootFs};
use crate::tasks::joined;
use crate::trace::Trace;
use crate::transport::{ReadHow, Source};
use crate::units::Size;

/// An image that was read, its layers merged.
pub(crate) struct MergedSource {
    pub(crate) image: Image,
    pub(crate) how: ReadHow,
    pub(crate) content: Box<dyn ContentStore>,
    /// Files and bytes of each layer.
    pub(crate) layer_sizes: Vec<(u64, u64)>,
    pub(crate) rootfs: RootFs,
}

/// The plan and the new layers, with what they were made from.
pub(crate) struct Decided {
    pub(crate) image: Image,
    pub(crate) how: ReadHow,
    pub(crate) layer_sizes: Vec<(u64, u64)>,
    pub(crate) rootfs: RootFs,
    pub(crate) trace: Trace,
    pub(crate) plan: Plan,
    pub(crate) rebuilt: Rebuilt,
}

/// The part of the options and the printer that the blocking thread needs.
struct Planning {
    rules: Rules,
    run: RunFacts,
    rebuild: RebuildOptions,
    scratch: PathBuf,
    cancel: CancellationToken,
    planning: ShownStage,
    rebuilding: ShownStage,
    started: Instant,
}

pub(crate) async fn decide(
    build: &Build<'_>,
    merged: MergedSource,
    trace: Trace,
    scratch: &Path,
) -> Result<Decided, CliError> {
    let started = Instant::now();
    let work = Planning {
        rules: build.options.rules.clone(),
        run: build.options.facts.clone(),
        rebuild: build.options.rebuild.clone(),
        scratch: scratch.to_owned(),
        cancel: build.cancel.clone(),
        planning: build.printer.stage("plan"),
        rebuilding: build.printer.stage("rebuild"),
        started,
    };
    let task = spawn_blocking(move || work.run(merged, trace));
    // Not dropped on cancellation: the thread watches the token, and writes into a folder that is to be removed.
    let (decided, planned) = joined(task).await?;
    build.took_seconds(Stage::Plan, planned);
    build.took_seconds(Stage::Rebuild, started.elapsed().as_secs_f64() - planned);
    Ok(decided)
}

impl Planning {
    /// Gives the result and the seconds that planning took.
    fn run(self, merged: MergedSource, trace: Trace) -> Result<(Decided, f64), CliError> {
        let MergedSource {
            image,
            how,
            content,
            layer_sizes,
            rootfs,
        } = merged;
        self.planning
            .at("finding the dependencies of the traced files");
        let read = MergedImage {
            image: &image,
            rootfs: &rootfs,
            content: &*content,
        };
        let plan = plan::plan(read, &trace, &self.rules, &self.run)?;
        let planned = self.started.elapsed().as_secs_f64();
        if self.cancel.is_cancelled() {
            return Err(CliError::interrupted());
        }
        let mut watch = |progress: rebuild::RebuildProgress| {
            self.rebuilding.at(format!(
                "{} files, {}",
                progress.files,
                Size(progress.bytes)
            ));
            if self.cancel.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let rebuilt = rebuild::rebuild(read, &plan.keep, &self.rebuild, &self.scratch, &mut watch)?;
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

/// Merges the layers, on a thread for blocking work.
pub(crate) async fn merge(source: Source) -> Result<MergedSource, CliError> {
    joined(spawn_blocking(move || {
        let Source {
            image,
            layers,
            content,
            how,
            ..
        } = source;
        let layer_sizes = layers.iter().map(layer_size).collect();
        Ok(MergedSource {
            image,
            how,
            content,
            layer_sizes,
            rootfs: RootFs::merge(layers)?,
        })
    }))
    .await
}

/// Files and their bytes in one layer, as it ships.
fn layer_size(layer: &LayerIndex) -> (u64, u64) {
    let mut files = 0;
    let mut bytes = 0;
    for entry in &layer.entries {
        match entry.kind {
            EntryKind::Directory | EntryKind::Whiteout | EntryKind::OpaqueWhiteout => {}
            EntryKind::File(content) => {
                files += 1;
                bytes += content.size;
            }
            _ => files += 1,
        }
    }
    (files, bytes)
}
