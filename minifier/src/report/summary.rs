//! The closing summary for the terminal. It has no colours, so that it means the same in a log.

use std::fmt::Write as _;
use std::path::Path;

use super::{Report, Stage, Timing, plain};
use crate::evidence::{Retain, Rule};
use crate::plan::{LeftOut, Weighed};
use crate::probe::{Listener, ProbeReport, Speaks};
use crate::units::size;

/// Packages that are named before the rest is only counted.
const NAMED_PACKAGES: usize = 6;
/// Listening sockets that are named before the rest is only counted.
const NAMED_LISTENERS: usize = 6;

/// How many groups of evidence that were too dear are named; the report has all.
const NAMED_LEFT_OUT: usize = 3;

/// About a dozen lines; `report_file` is the file with the whole report, if it was written.
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
    // References and names come from the image, and this goes to a terminal.
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
            // A result without files has a ratio of 0.
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
    if report.evidence.retain != Retain::Traced {
        line("evidence", evidence(&report.evidence));
        for left in report.evidence.left_out.iter().take(NAMED_LEFT_OUT) {
            line("left out", left_out(left));
        }
    }
    line("probes", probes(&report.probe));
    if !report.probe.readiness.listeners.is_empty() {
        line("listens", listens(&report.probe));
    }
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
    line("time", times(&report.timings));
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

/// What stays because the image says that it can be needed, by kind.
fn evidence(weighed: &Weighed) -> String {
    let taken = &weighed.taken;
    let bytes = |rule: Option<Rule>| -> u64 {
        let of_rule = taken
            .iter()
            .filter(|group| rule.is_none_or(|rule| group.rule == rule));
        of_rule.map(|group| group.bytes).sum()
    };
    let files: u64 = taken.iter().map(|group| group.files).sum();
    let kinds: Vec<String> = Rule::ALL
        .into_iter()
        .filter(|&rule| taken.iter().any(|group| group.rule == rule))
        .map(|rule| format!("{rule} {}", size(bytes(Some(rule)))))
        .collect();
    let mut text = format!("{files} entries, {}", size(bytes(None)));
    if !kinds.is_empty() {
        let _ = write!(text, " ({})", kinds.join(", "));
    }
    match weighed.left_out.len() {
        0 => {}
        1 => text.push_str("; 1 larger group left out"),
        count => {
            let _ = write!(text, "; {count} larger groups left out");
        }
    }
    text
}

fn left_out(left: &LeftOut) -> String {
    format!(
        "{}, {}; keep it with --include-evidence {:?} (named in {})",
        left.id,
        size(left.bytes),
        left.id,
        left.source,
    )
}

fn packages(report: &Report) -> String {
    let dropped = &report.packages.dropped;
    let mut text = format!(
        "{} kept, {} removed",
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

fn probes(probe: &ProbeReport) -> String {
    let failed = probe.steps.iter().filter(|step| !step.ok).count();
    match (probe.steps.len(), failed) {
        // Without a probe, a server is stopped after a while, and a job runs to its end: that is a great difference for
        // the trace.
        (0, _) => match &probe.stopped {
            Some(stopped) => format!("none; the container was stopped with {}", stopped.signal),
            None => "none; the container ran to its end".to_owned(),
        },
        (all, 0) => format!("{all} passed"),
        (all, failed) => format!("{} passed, {failed} FAILED (ignored)", all - failed),
    }
}

/// The sockets that the container listened on when it was ready, each with its protocol if it was asked.
fn listens(probe: &ProbeReport) -> String {
    let spoken = |listener: &Listener| {
        let port = probe.port_of(listener)?;
        Some(match port.speaks {
            Speaks::Http => "HTTP",
            Speaks::Https => "HTTPS",
            Speaks::H2c => "HTTP/2",
            Speaks::Other => port.protocol.unwrap_or("not HTTP"),
            Speaks::Silent => "no answer",
            Speaks::Unreachable => "does not accept connections",
        })
    };
    let listeners = &probe.readiness.listeners;
    let mut parts: Vec<String> = listeners
        .iter()
        .take(NAMED_LISTENERS)
        .map(|listener| match spoken(listener) {
            Some(spoken) => format!("{listener} ({spoken})"),
            None => listener.to_string(),
        })
        .collect();
    if listeners.len() > NAMED_LISTENERS {
        parts.push(format!("and {} more", listeners.len() - NAMED_LISTENERS));
    }
    parts.join(", ")
}

fn times(timings: &[Timing]) -> String {
    let of = |stage: Stage| {
        timings
            .iter()
            .filter(|t| t.stage == stage)
            .map(|t| t.seconds)
            .sum::<f64>()
    };
    let stages = [
        Stage::Attach,
        Stage::Read,
        Stage::Load,
        Stage::Unpack,
        Stage::Create,
        Stage::Run,
        Stage::Plan,
        Stage::Rebuild,
        Stage::Write,
    ];
    // Stages differ by engine: only an OCI runtime needs unpacked layers, only a daemon needs a stored image loaded.
    let happened = |stage: &&Stage| timings.iter().any(|t| t.stage == **stage);
    let parts: Vec<String> = stages
        .iter()
        .filter(happened)
        .map(|&stage| format!("{} {:.1}", stage.name(), of(stage)))
        .collect();
    format!("{:.1} s ({})", of(Stage::Total), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::warnings::tests::report;
    use super::*;

    #[test]
    fn a_server_without_probes_was_stopped_and_did_not_run_to_its_end() {
        let mut probe = report();
        assert_eq!(
            probes(&probe),
            "none; the container was stopped with SIGTERM"
        );
        assert_eq!(listens(&probe), "tcp 0.0.0.0:22 (SSH)");
        probe.stopped = None;
        assert_eq!(probes(&probe), "none; the container ran to its end");
    }

    #[test]
    fn stages_that_happened_are_all_in_the_line_of_times() {
        let timing = |stage, seconds| Timing { stage, seconds };
        let mut timings = vec![
            timing(Stage::Attach, 0.5),
            timing(Stage::Read, 0.2),
            timing(Stage::Run, 1.0),
            timing(Stage::Total, 3.0),
        ];
        assert_eq!(times(&timings), "3.0 s (attach 0.5, read 0.2, run 1.0)");
        timings.push(timing(Stage::Unpack, 1.3));
        timings.push(timing(Stage::Create, 0.1));
        assert_eq!(
            times(&timings),
            "3.0 s (attach 0.5, read 0.2, unpack 1.3, create 0.1, run 1.0)"
        );
    }
}
