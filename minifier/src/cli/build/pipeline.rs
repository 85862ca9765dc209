//! The stages of a build in their order, and what each hands to the next. Reading the layers and running the
//! container go on side by side; everything after needs both.

use std::sync::Mutex;
use std::time::Instant;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::errors;
use super::options::Options;
use super::{assemble, run, write};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::printer::Printer;
use crate::image::{ImageReference, Platform};
use crate::plan::{self, Plan};
use crate::probe::ProbeReport;
use crate::rebuild::{self, Rebuilt};
use crate::report::{Report, Stage, Timing};
use crate::rootfs::RootFs;
use crate::trace::{Trace, Tracer};
use crate::transport::{ArchiveInfo, Daemon, ReadRequest, Source};

/// What all stages share.
pub(super) struct Build<'a> {
    pub(super) options: &'a Options,
    pub(super) printer: &'a Printer,
    pub(super) cancel: &'a CancellationToken,
    timings: Mutex<Vec<Timing>>,
}

/// Everything that the stages gave, for the report.
pub(super) struct Built {
    pub(super) source: Source,
    pub(super) rootfs: RootFs,
    pub(super) probe: ProbeReport,
    pub(super) trace: Trace,
    pub(super) plan: Plan,
    pub(super) rebuilt: Rebuilt,
    pub(super) archive: ArchiveInfo,
    pub(super) timings: Vec<Timing>,
}

/// Runs a build. Whatever happens, containers and temporary files are gone afterwards.
pub(super) async fn build(
    options: &Options,
    printer: &Printer,
    cancel: &CancellationToken,
) -> Result<Report, CliError> {
    let build = Build { options, printer, cancel, timings: Mutex::default() };
    let started = Instant::now();
    let scratch = tempfile::Builder::new()
        .prefix("minifier-")
        .tempdir()
        .map_err(|e| errors::io("make a temporary folder", e).hint("set TMPDIR to a folder with space"))?;
    let result = build.stages(&scratch).await;
    build.took(Stage::Total, started);
    // A folder that cannot be removed must be told of: nothing is left behind in silence.
    let removed = scratch.close();
    let mut built = result?;
    removed.map_err(|e| errors::io("remove the temporary folder", e))?;
    built.timings = build.timings.into_inner().unwrap_or_else(|e| e.into_inner());
    Ok(assemble::report(options, built))
}

impl Build<'_> {
    async fn stages(&self, scratch: &TempDir) -> Result<Built, CliError> {
        let daemon = Daemon::connect().await.map_err(errors::transport)?;
        let image_id = daemon.image_id(&self.options.target).await.map_err(errors::transport)?;
        let tracer = {
            let _stage = self.printer.stage("attach");
            let started = Instant::now();
            let tracer = Tracer::attach(&self.options.trace).map_err(errors::trace)?;
            self.took(Stage::Attach, started);
            tracer
        };
        let (source, (probe, trace)) = tokio::try_join!(
            self.read(&daemon, scratch),
            run::run(self, &daemon, &image_id, tracer),
        )?;
        if !trace.is_complete() && !self.options.allow_incomplete_trace {
            return Err(errors::incomplete(&trace));
        }
        self.checkpoint()?;
        let (source, rootfs, plan) = self.plan(source, &trace).await?;
        self.checkpoint()?;
        let (source, rootfs, rebuilt) = self.rebuild(source, rootfs, &plan, scratch).await?;
        let archive = write::write(self, &daemon, &rebuilt, scratch).await?;
        Ok(Built { source, rootfs, probe, trace, plan, rebuilt, archive, timings: Vec::new() })
    }
}
