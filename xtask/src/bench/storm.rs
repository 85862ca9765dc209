//! What tracing costs the workload, and a bystander: a storm of file accesses, pinned to one CPU, in interleaved pairs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Row;
use super::image::with_storm;
use super::measure::{build, median, ratio};
use crate::docker::docker;
use crate::fixtures::image_name;
use crate::{cache, command};

/// Pairs that are measured; odd, so that one of them is the median.
const PAIRS: usize = 7;

pub(crate) fn measure(program: &Path) -> Result<Vec<Row>> {
    let image = with_storm(&image_name("debian"))?;
    let untraced = || -> Result<f64> {
        let mut run = docker();
        run.args(["run", "--rm", "--network=none", image.name()]);
        nanoseconds(command::capture(&mut run)?.lines())
    };
    let traced = || -> Result<f64> {
        let report = build(program, image.name(), &["--network", "none"])?.report;
        nanoseconds(report.probe.logs_tail.iter().map(String::as_str))
    };
    let mut own = Vec::new();
    for _ in 0..PAIRS {
        own.push((traced()?, untraced()?));
    }
    let mut beside = Vec::new();
    for _ in 0..PAIRS {
        let tracing = Tracing::start(program)?;
        let during = untraced()?;
        tracing.end()?;
        beside.push((during, untraced()?));
    }
    Ok(vec![
        row("storm traced / untraced", "1.10", &own),
        row(
            "bystander's storm beside a trace / without",
            "1.10",
            &beside,
        ),
    ])
}

fn row(what: &'static str, aim: &'static str, pairs: &[(f64, f64)]) -> Row {
    let milliseconds = |values: Vec<f64>| format!("{:.0} ms", median(&values) / 1e6);
    Row {
        what,
        value: format!("{:.2}", ratio(pairs)),
        aim,
        from: format!(
            "{} / {}, {} pairs",
            milliseconds(pairs.iter().map(|pair| pair.0).collect()),
            milliseconds(pairs.iter().map(|pair| pair.1).collect()),
            pairs.len()
        ),
    }
}

fn nanoseconds<'a>(mut lines: impl Iterator<Item = &'a str>) -> Result<f64> {
    let line = lines.find_map(|line| line.strip_prefix("storm: "));
    line.context("the storm printed no time")?
        .trim()
        .parse()
        .context("read the storm's time")
}

/// A build that traces a container which does nothing.
struct Tracing(std::process::Child);

impl Tracing {
    fn start(program: &Path) -> Result<Self> {
        let report = cache::dir()?.join("bench-idle.json");
        let mut build = Command::new(program);
        build.args([
            "build",
            "--quiet",
            "--target",
            &image_name("debian"),
            "--report",
        ]);
        build
            .arg(report)
            .args(["--entrypoint", "sleep 600", "--continue-after", "signal"]);
        let child = build.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let tracing = Self(child);
        // Until the container runs.
        for _ in 0..200 {
            let mut list = docker();
            list.args(["ps", "--quiet", "--filter", "label=org.minifier.run"]);
            if !command::capture(&mut list)?.trim().is_empty() {
                thread::sleep(Duration::from_millis(300));
                return Ok(tracing);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("the container to be traced did not start")
    }

    fn end(mut self) -> Result<()> {
        command::run(Command::new("kill").args(["-s", "USR1", &self.0.id().to_string()]))?;
        let status = self.0.wait()?;
        if !status.success() {
            bail!("the build beside the storm ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            command::succeeds(Command::new("kill").arg(self.0.id().to_string()));
        }
    }
}
