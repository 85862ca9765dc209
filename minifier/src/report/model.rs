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
    /// Version of the layout, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the program that wrote the report.
    pub minifier: String,
    /// The image that was given.
    pub image: ImageReport,
    /// The image that was written.
    pub result: ResultReport,
    /// Size of the result divided by the size of the image.
    pub ratio: f64,
    /// Requests and commands of the probe, with their results.
    pub probe: ProbeReport,
    /// Accesses, processes and system calls that the kernel recorded.
    pub trace: TraceReport,
    /// Packages, as the image's own databases name them.
    pub packages: PackageReport,
    /// What the image itself says about what the workload did not use: what stays for it, and what was too dear.
    pub evidence: Weighed,
    /// Warnings and notes for the user.
    pub warnings: Vec<Warning>,
    /// Every path that stays, in order, with its reasons.
    pub kept: Vec<KeptPath>,
    /// Files that are left out.
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
    /// Way in which the layers were read: `in-place`, `streamed` or `stored`.
    pub read: String,
    /// Engine that ran the container: `docker`, or the OCI runtime, with its version.
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
    /// The location, as the user wrote it.
    pub location: String,
    /// Digest of the manifest there.
    pub manifest: Digest,
}

/// A layer of either image.
#[derive(Debug, Serialize)]
pub struct LayerReport {
    /// Digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// Paths in it that are not directories.
    pub files: u64,
    /// Bytes of its files.
    pub size: u64,
}

/// Summary of the trace: whether it is complete, and what it recorded.
#[derive(Debug, Serialize)]
pub struct TraceReport {
    /// Whether the trace is complete: no event was lost and every hook was attached.
    pub complete: bool,
    /// Reasons that something may be missing, one sentence each.
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

/// Packages of the image, by whether any of their files stays; sorted.
#[derive(Debug, Serialize)]
pub struct PackageReport {
    /// Packages of which at least one file stays.
    pub kept: Vec<Package>,
    /// Packages of which no file stays.
    pub dropped: Vec<Package>,
}

/// A path that stays in the result, with its reasons.
#[derive(Debug, Serialize)]
pub struct KeptPath {
    /// The path; bytes that are not UTF-8, control characters and backslashes are written `\xNN`.
    pub path: ImagePath,
    /// Bytes of a regular file, 0 for everything else.
    pub size: u64,
    /// Reasons for keeping it; never empty.
    pub reasons: BTreeSet<Reason>,
}

/// Files that are left out of the result.
#[derive(Debug, Serialize)]
pub struct Dropped {
    /// Totals over the visible tree.
    pub visible: Totals,
    /// The largest files that are left out, largest first, at most 20: path and bytes.
    pub largest: Vec<(ImagePath, u64)>,
}

/// Time that one stage took.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The stage.
    pub stage: Stage,
    /// Duration in seconds.
    pub seconds: f64,
}

/// The stages of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Attaching the eBPF programs.
    Attach,
    /// Reading the layers.
    Read,
    /// Giving a stored image to the Docker daemon that runs it.
    Load,
    /// Unpacking layers that are not in the cache.
    Unpack,
    /// Creating the container.
    Create,
    /// Starting the container.
    Start,
    /// The container's life: start, probes, stop, removal.
    Run,
    /// Planning which files stay.
    Plan,
    /// Writing the new layers.
    Rebuild,
    /// Writing the image to its destinations.
    Write,
    /// Everything from start to end.
    Total,
}

impl Stage {
    /// Its name in the summary for the terminal.
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
