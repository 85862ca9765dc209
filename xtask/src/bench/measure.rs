//! Medians, ratios, and runs of the program that is measured.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{cache, command};

/// What the benchmark needs of a build's report.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) probe: Probe,
    timings: Vec<Timing>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Probe {
    pub(crate) logs_tail: Vec<String>,
    readiness: Readiness,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Readiness {
    after_ms: f64,
}

#[derive(Debug, Deserialize)]
struct Step {
    duration_ms: f64,
}

impl Probe {
    /// Seconds from the start to the first answer.
    pub(crate) fn first_answer(&self) -> f64 {
        let first = self.steps.first().map_or(0.0, |step| step.duration_ms);
        (self.readiness.after_ms + first) / 1000.0
    }
}

/// Two things measured in turn, in seconds.
#[derive(Debug, Default)]
pub(crate) struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    pub(crate) fn add(&mut self, measured: f64, against: f64) {
        self.0.push((measured, against));
    }

    /// Median of the ratios, as a row has it.
    pub(crate) fn ratio(&self) -> String {
        format!("{:.2}", ratio(&self.0))
    }

    /// The medians of both, and of what.
    pub(crate) fn seconds(&self, what: &str) -> String {
        let of =
            |pick: fn(&(f64, f64)) -> f64| median(&self.0.iter().map(pick).collect::<Vec<_>>());
        format!(
            "{:.2} s / {:.2} s, {} pairs, {what}",
            of(|pair| pair.0),
            of(|pair| pair.1),
            self.0.len()
        )
    }
}

#[derive(Debug, Deserialize)]
struct Timing {
    stage: String,
    seconds: f64,
}

impl Report {
    /// Seconds that a stage took.
    pub(crate) fn seconds(&self, stage: &str) -> f64 {
        self.timings
            .iter()
            .filter(|t| t.stage == stage)
            .map(|t| t.seconds)
            .sum()
    }
}

/// A finished run of `minify build`.
pub(crate) struct Built {
    pub(crate) report: Report,
    /// Largest resident set, bytes.
    pub(crate) peak: u64,
}

/// `minify build --target IMAGE` with options; the result is only reported, unless an option says otherwise.
pub(crate) fn build(program: &Path, image: &str, options: &[&str]) -> Result<Built> {
    let file = cache::dir()?.join(format!("bench-{}.json", std::process::id()));
    let mut build = Command::new(program);
    build
        .args(["build", "--quiet", "--target", image, "--report"])
        .arg(&file)
        .args(options);
    let peak = peak(&mut build)?;
    let text = fs::read_to_string(&file).context("read the report")?;
    fs::remove_file(&file).context("remove the report")?;
    let report = serde_json::from_str(&text).context("understand the report")?;
    Ok(Built { report, peak })
}

/// Runs a command without its output; gives its largest resident set, bytes.
pub(crate) fn peak(command: &mut Command) -> Result<u64> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| command::describe(command))?;
    let (status, peak) = command::wait_with_peak(&mut child)?;
    if !status.success() {
        bail!("{} ended with {status}", command::describe(command));
    }
    Ok(peak)
}

/// The middle one; the mean of the two in the middle if there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Median of the ratios of pairs.
pub(crate) fn ratio(pairs: &[(f64, f64)]) -> f64 {
    median(
        &pairs
            .iter()
            .map(|(measured, against)| measured / against)
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(ratio(&[(2.0, 1.0), (9.0, 3.0), (8.0, 2.0)]), 3.0);
    }
}
