//! The closing summary for the terminal. Meaning never by colour: there is none.

use std::fmt::Write as _;
use std::path::Path;

use super::{Report, Stage, plain};
use crate::xray::size;

/// How many packages are named before the rest is only counted.
const NAMED_PACKAGES: usize = 6;

/// A dozen lines; `report_file` is where the whole report lies, where it was written.
pub fn summary(report: &Report, report_file: Option<&Path>) -> String {
    let mut out = String::new();
    let outputs = report.result.outputs.iter().map(|output| &output.location);
    let places: Vec<&String> = report.result.tags.iter().chain(outputs).collect();
    let kept_files = report
        .result
        .layers
        .iter()
        .map(|layer| layer.files)
        .sum::<u64>();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<10} {}", plain(&value));
    };
    line(
        "image",
        format!(
            "{} -> {}",
            report.image.reference,
            places.first().map_or("not written", |place| place)
        ),
    );
    line(
        "size",
        format!(
            "{} -> {} ({:.1} % of the original, {:.1} times smaller)",
            size(report.image.size),
            size(report.result.size),
            report.ratio * 100.0,
            1.0 / report.ratio.max(f64::MIN_POSITIVE),
        ),
    );
    line(
        "files",
        format!(
            "{kept_files} kept, {} removed",
            report.dropped.visible.files
        ),
    );
    line("packages", packages(report));
    line(
        "layers",
        format!(
            "{} -> {}",
            report.image.layers.len(),
            report.result.layers.len()
        ),
    );
    line("probes", probes(report));
    line(
        "trace",
        format!(
            "{} accesses by {} processes, {}",
            report.trace.accesses,
            report.trace.processes.len(),
            if report.trace.complete {
                "complete"
            } else {
                "INCOMPLETE"
            },
        ),
    );
    line("time", times(report));
    line("id", report.result.id.to_string());
    for tag in &report.result.tags {
        line("written", tag.clone());
    }
    for output in &report.result.outputs {
        line(
            "written",
            format!("{}@{}", output.location, output.manifest),
        );
    }
    if let Some(file) = report_file {
        line("report", file.display().to_string());
    }
    out
}

fn packages(report: &Report) -> String {
    let dropped = &report.packages.dropped;
    let mut text = format!(
        "{} kept, {} gone",
        report.packages.kept.len(),
        dropped.len()
    );
    if !dropped.is_empty() {
        let names: Vec<&str> = dropped
            .iter()
            .take(NAMED_PACKAGES)
            .map(|package| package.name.as_str())
            .collect();
        let _ = write!(text, " ({}", names.join(", "));
        if dropped.len() > NAMED_PACKAGES {
            let _ = write!(text, ", and {} more", dropped.len() - NAMED_PACKAGES);
        }
        text.push(')');
    }
    text
}

fn probes(report: &Report) -> String {
    let failed = report.probe.steps.iter().filter(|step| !step.ok).count();
    match (report.probe.steps.len(), failed) {
        (0, _) => "none; the container ran to its end".to_owned(),
        (all, 0) => format!("{all} passed"),
        (all, failed) => format!("{} passed, {failed} FAILED (ignored)", all - failed),
    }
}

fn times(report: &Report) -> String {
    let of = |stage: Stage| {
        report
            .timings
            .iter()
            .filter(|t| t.stage == stage)
            .map(|t| t.seconds)
            .sum::<f64>()
    };
    let stages = [
        Stage::Attach,
        Stage::Read,
        Stage::Run,
        Stage::Plan,
        Stage::Rebuild,
        Stage::Write,
    ];
    let parts: Vec<String> = stages
        .iter()
        .map(|&stage| format!("{} {:.1}", stage.name(), of(stage)))
        .collect();
    format!("{:.1} s ({})", of(Stage::Total), parts.join(", "))
}
