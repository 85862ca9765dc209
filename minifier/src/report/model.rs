//! [`Report`]: everything about one build, as JSON. Field names, units and enum values are a contract: a change that
//! is no addition raises [`SCHEMA_VERSION`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::analyze::Package;
use crate::image::{DiffId, Digest, Platform};
use crate::plan::{Reason, Totals, Warning, Weighed};
use crate::probe::ProbeReport;
use crate::rootfs::ImagePath;
use crate::trace::{HookStatus, Process, SecondSource};

/// Version of the layout of [`Report`].
pub const SCHEMA_VERSION: u32 = 1;

/// One build. Sizes are bytes, durations seconds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the program.
    pub minifier: String,
    /// The image that was given.
    pub image: ImageReport,
    /// The image that was made.
    pub result: ResultReport,
    /// Size of the result divided by the size of the image.
    pub ratio: f64,
    /// What the probe asked and what came back.
    pub probe: ProbeReport,
    /// What the kernel recorded.
    pub trace: TraceReport,
    /// Packages, as the image's own databases name them.
    pub packages: PackageReport,
    /// What the image itself says about what the workload did not use: what stays for it, and what was too dear.
    pub evidence: Weighed,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Every path that stays, in order, with its reasons.
    pub kept: Vec<KeptPath>,
    /// What goes.
    pub dropped: Dropped,
    /// Time per stage in the order they ended; stages overlap.
    pub timings: Vec<Timing>,
}

/// The image that was given.
#[derive(Debug, Serialize)]
pub struct ImageReport {
    /// The reference as given.
    pub reference: String,
    /// Digest of its config (Docker's image ID).
    pub id: Digest,
    /// Platform it is for.
    pub platform: Platform,
    /// Bytes of the files in its layers, overwritten and removed ones included.
    pub size: u64,
    /// How the layers were read: `in-place`, `streamed` or `stored`.
    pub read: String,
    /// What ran the container: `docker`, or the OCI runtime, with its version.
    pub engine: String,
    /// Layers, lowest first.
    pub layers: Vec<LayerReport>,
    /// The config as stored.
    pub config: serde_json::Value,
}

/// The image that was made.
#[derive(Debug, Serialize)]
pub struct ResultReport {
    /// Digest of its config (Docker's image ID).
    pub id: Digest,
    /// Digest of its OCI manifest with uncompressed layers, as the Docker daemon gets it.
    pub manifest: Digest,
    /// References it was given.
    pub tags: Vec<String>,
    /// Other places it was written to.
    pub outputs: Vec<OutputReport>,
    /// Bytes of the files in its layers.
    pub size: u64,
    /// Layers, lowest first.
    pub layers: Vec<LayerReport>,
    /// The config as written.
    pub config: serde_json::Value,
}

/// A place that the image was written to.
#[derive(Debug, Clone, Serialize)]
pub struct OutputReport {
    /// Where, as the user wrote it.
    pub location: String,
    /// Digest of the manifest there.
    pub manifest: Digest,
}

/// One layer.
#[derive(Debug, Serialize)]
pub struct LayerReport {
    /// Digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// Paths in it that are not directories.
    pub files: u64,
    /// Bytes of its files.
    pub size: u64,
}

/// What the kernel recorded.
#[derive(Debug, Serialize)]
pub struct TraceReport {
    /// Whether nothing can be missing.
    pub complete: bool,
    /// Why something may be missing.
    pub gaps: Vec<String>,
    /// Hooks with their counts of events seen and lost.
    pub hooks: Vec<HookStatus>,
    /// The second source of opens, or why there was none.
    pub second_source: SecondSource,
    /// Distinct accesses recorded.
    pub accesses: usize,
    /// Numbers of the system calls made, in the native table of the image's architecture.
    pub syscalls: BTreeSet<u32>,
    /// Processes by pid.
    pub processes: BTreeMap<u32, Process>,
}

/// Packages by whether any file of theirs stays, sorted.
#[derive(Debug, Serialize)]
pub struct PackageReport {
    /// At least one file stays.
    pub kept: Vec<Package>,
    /// No file stays.
    pub dropped: Vec<Package>,
}

/// A path that stays.
#[derive(Debug, Serialize)]
pub struct KeptPath {
    /// The path; bytes that are no UTF-8, control characters and backslashes are written `\xNN`.
    pub path: ImagePath,
    /// Bytes of a regular file, 0 for everything else.
    pub size: u64,
    /// Why it stays.
    pub reasons: BTreeSet<Reason>,
}

/// What goes.
#[derive(Debug, Serialize)]
pub struct Dropped {
    /// Of the visible tree.
    pub visible: Totals,
    /// The largest files that go, largest first, at most 20: path and bytes.
    pub largest: Vec<(ImagePath, u64)>,
}

/// Time that one stage took.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// Which one.
    pub stage: Stage,
    /// Seconds.
    pub seconds: f64,
}

/// The stages of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Attaching to the kernel.
    Attach,
    /// Reading what the layers hold.
    Read,
    /// Giving a stored image to the Docker daemon that runs it.
    Load,
    /// Unpacking layers that are not in the cache.
    Unpack,
    /// Creating the container.
    Create,
    /// Starting it.
    Start,
    /// The container's life: start, probes, stop, removal.
    Run,
    /// Deciding what stays.
    Plan,
    /// Writing the new layers.
    Rebuild,
    /// Handing the image over.
    Write,
    /// Everything from start to end.
    Total,
}

impl Stage {
    /// The name in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Read => "read",
            Self::Load => "load",
            Self::Unpack => "unpack",
            Self::Create => "create",
            Self::Start => "start",
            Self::Run => "run",
            Self::Plan => "plan",
            Self::Rebuild => "rebuild",
            Self::Write => "write",
            Self::Total => "total",
        }
    }
}
