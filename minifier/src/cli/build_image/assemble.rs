//! From what the stages gave to the [`Report`].

use super::hiding::Hiding;
use super::options::Options;
use super::pipeline::Built;
use crate::image::ImageConfig;
use crate::report::{
    Dropped, ImageReport, KeptPath, LayerReport, PackageReport, Report, ResultReport,
    SCHEMA_VERSION, Timing, TraceReport, of_probe,
};
use crate::rootfs::{EntryKind, ImagePath, LayerIndex, NodeKind};
use crate::transport::ReadHow;

/// How many of the largest files that go are named.
const LARGEST: usize = 20;

pub(crate) fn report(options: &Options, built: Built, timings: Vec<Timing>) -> Report {
    let hiding = Hiding::new(options, &built.image.config);
    let mut report = assembled(options, built, timings);
    hiding.report(&mut report);
    report
}

fn assembled(options: &Options, built: Built, timings: Vec<Timing>) -> Report {
    let image = image(&built);
    let result = result(options, &built);
    let dropped = dropped(&built);
    let kept = kept(&built);
    let mut warnings = built.plan.warnings;
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
            complete: built.trace.is_complete(),
            gaps: built.trace.gaps.iter().map(ToString::to_string).collect(),
            hooks: built.trace.hooks,
            second_source: built.trace.second_source,
            accesses: built.trace.accesses.len(),
            syscalls: built.trace.syscalls,
            processes: built.trace.processes,
        },
        packages: PackageReport {
            kept: built.plan.kept_packages,
            dropped: built.plan.dropped_packages,
        },
        warnings,
        kept,
        dropped,
        timings,
    }
}

fn image(built: &Built) -> ImageReport {
    let image = &built.image;
    let layers: Vec<LayerReport> = image
        .layers()
        .iter()
        .zip(&built.layer_sizes)
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
        read: match built.how {
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
    let rebuilt = &built.rebuilt;
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
    let size = |path: &ImagePath| built.rootfs.get(path).map_or(0, crate::rootfs::Node::size);
    built
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
        .rootfs
        .walk()
        .filter(|(path, id)| {
            matches!(built.rootfs.node(*id).kind, NodeKind::File { .. })
                && !built.plan.keep.contains(path)
        })
        .map(|(path, id)| (path, built.rootfs.node(id).size()))
        .collect();
    // Stable: files of one size stay in the order of their paths.
    largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    largest.truncate(LARGEST);
    Dropped {
        visible: built.plan.dropped,
        largest,
    }
}

/// Files and their bytes in one layer, as it ships.
pub(crate) fn layer_size(layer: &LayerIndex) -> (u64, u64) {
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
