//! The stages of a build in their order, and what each hands to the next. Reading the layers and running the
//! container go on side by side; everything after needs both.

use std::time::Instant;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::errors;
use super::options::Options;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::printer::Printer;
use crate::plan::{self, Plan};
use crate::probe::{self, ProbeReport};
use crate::rebuild::{self, Rebuilt};
use crate::report::{Report, Stage, Timing};
use crate::rootfs::RootFs;
use crate::runtime::DockerRuntime;
use crate::trace::{Trace, Tracer};
use crate::transport::{Daemon, Source, archive_write};

/// Everything that the stages gave, for the report.
pub(super) struct Built {
    pub(super) source: Source,
    pub(super) rootfs: RootFs,
    pub(super) probe: ProbeReport,
    pub(super) trace: Trace,
    pub(super) plan: Plan,
    pub(super) rebuilt: Rebuilt,
}
