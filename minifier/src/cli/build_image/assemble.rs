//! From what the stages gave to the [`Report`], and its JSON.

use std::path::Path;

use anyhow::Context;

use super::decide::Decided;
use super::hiding::Hiding;
use super::options::Options;
use super::write::WrittenOutputs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::write_whole;
use crate::image::{Digest, ImageConfig};
use crate::probe::ProbeReport;
use crate::report::{
    Dropped, ImageReport, KeptPath, LayerReport, PackageReport, Report, ResultReport,
    SCHEMA_VERSION, Timing, TraceReport, of_probe, plain_json,
};
use crate::rootfs::{ImagePath, Node, NodeKind};
use crate::transport::ReadHow;

/// How many of the largest files that go are named.
const LARGEST: usize = 20;

/// Everything that the stages gave, for the report.
pub(crate) struct Built {
    pub(crate) decided: Decided,
    pub(crate) image_id: Digest,
    /// The engine that ran the container, with its version.
    pub(crate) engine: String,
    pub(crate) probe: ProbeReport,
    pub(crate) written: WrittenOutputs,
}

pub(crate) fn report(options: &Options, built: Built, timings: Vec<Timing>) -> Report {
    let hiding = Hiding::new(options, &built.decided.image.config);
    let mut report = assembled(options, built, timings);
    hiding.report(&mut report);
    report
}

fn assembled(options: &Options, built: Built, timings: Vec<Timing>) -> Report {
    let image = image(&built);
    let result = result(options, &built);
    let dropped = dropped(&built);
    let kept = kept(&built);
    let mut warnings = built.decided.plan.warnings;
    warnings.extend(of_probe(&built.probe));
    warnings.sort();
    Report {
        schema_version: SCHEMA_VERSION,
        minifier: env!("CARGO_PKG_VERSION").to_owned(),
        // An image without a byte stays what it is.
        ratio: if image.size == 0 {
            1.0
        } else {
            result.size as f64 / image.size as f64
        },
        image,
        result,
        probe: built.probe,
        trace: TraceReport {
            complete: built.decided.trace.is_complete(),
            gaps: built
                .decided
                .trace
                .gaps
                .iter()
                .map(ToString::to_string)
                .collect(),
            hooks: built.decided.trace.hooks,
            second_source: built.decided.trace.second_source,
            accesses: built.decided.trace.accesses.len(),
            syscalls: built.decided.trace.syscalls,
            processes: built.decided.trace.processes,
        },
        packages: PackageReport {
            kept: built.decided.plan.kept_packages,
            dropped: built.decided.plan.dropped_packages,
        },
        evidence: built.decided.plan.evidence,
        warnings,
        kept,
        dropped,
        timings,
    }
}

fn image(built: &Built) -> ImageReport {
    let image = &built.decided.image;
    let layers: Vec<LayerReport> = image
        .layers()
        .iter()
        .zip(&built.decided.layer_sizes)
        .map(|(&diff_id, &(files, size))| LayerReport {
            diff_id,
            files,
            size,
        })
        .collect();
    ImageReport {
        reference: image.reference.clone(),
        id: built.image_id,
        platform: image.config.platform(),
        size: layers.iter().map(|layer| layer.size).sum(),
        read: match built.decided.how {
            ReadHow::InPlace => "in-place".to_owned(),
            ReadHow::Streamed { .. } => "streamed".to_owned(),
            ReadHow::Stored { .. } => "stored".to_owned(),
        },
        engine: built.engine.clone(),
        layers,
        config: config(&image.config),
    }
}

fn result(options: &Options, built: &Built) -> ResultReport {
    let rebuilt = &built.decided.rebuilt;
    let layers: Vec<LayerReport> = rebuilt
        .layers
        .iter()
        .map(|layer| LayerReport {
            diff_id: layer.file.diff_id,
            files: layer.totals.files,
            size: layer.totals.bytes,
        })
        .collect();
    ResultReport {
        id: rebuilt.image_id,
        manifest: built.written.manifest,
        tags: options.tags.iter().map(ToString::to_string).collect(),
        outputs: built.written.outputs.clone(),
        size: layers.iter().map(|layer| layer.size).sum(),
        layers,
        config: config(&rebuilt.config),
    }
}

/// The config as JSON; it was read from JSON.
fn config(config: &ImageConfig) -> serde_json::Value {
    serde_json::from_slice(&config.to_bytes())
        .unwrap_or_else(|e| unreachable!("a config is JSON: {e}"))
}

fn kept(built: &Built) -> Vec<KeptPath> {
    let size = |path: &ImagePath| built.decided.rootfs.get(path).map_or(0, Node::size);
    built
        .decided
        .plan
        .keep
        .iter()
        .map(|(path, reasons)| KeptPath {
            path: path.clone(),
            size: size(path),
            reasons: reasons.clone(),
        })
        .collect()
}

fn dropped(built: &Built) -> Dropped {
    let mut largest: Vec<(ImagePath, u64)> = built
        .decided
        .rootfs
        .walk()
        .filter(|(path, id)| {
            matches!(built.decided.rootfs.node(*id).kind, NodeKind::File { .. })
                && !built.decided.plan.keep.contains(path)
        })
        .map(|(path, id)| (path, built.decided.rootfs.node(id).size()))
        .collect();
    // Stable: files of one size stay in the order of their paths.
    largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    largest.truncate(LARGEST);
    Dropped {
        visible: built.decided.plan.dropped,
        largest,
    }
}

pub(crate) fn json(report: &Report) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(report)
        .context("write the report as JSON")
        .map_err(CliError::from)?;
    Ok(plain_json(text + "\n"))
}

pub(crate) fn write_report(report: &Report, file: &Path) -> Result<(), CliError> {
    let text = json(report)?;
    write_whole(file, &text)
        .with_context(|| format!("write the report to {}", file.display()))
        .map_err(|e| {
            CliError::new(Exit::OutputFailed, e)
                .hint("choose another file with --report; the image itself was written")
        })
}
