//! What a build takes beyond the workload's own time, against `docker save IMAGE | sha256sum`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::Row;
use super::image::with_bytes;
use super::measure::{Pairs, build, median};
use crate::docker::{TemporaryImage, docker};
use crate::fixtures::image_name;

/// Size of the image beyond its base, MB.
const MEGABYTES: usize = 400;

/// Pairs that are measured.
const PAIRS: usize = 3;

pub(crate) fn measure(program: &Path) -> Result<Vec<Row>> {
    let image = with_bytes(&image_name("debian"), MEGABYTES)?;
    let result = TemporaryImage::new(format!("minifier-bench/slim:{}", std::process::id()));
    let mut rows = Vec::new();
    let mut attach = Vec::new();
    for (what, aim, read) in [
        (
            "build less the run, read in place / docker save \\| sha256sum",
            "0.30",
            "in-place",
        ),
        (
            "build less the run, streamed / docker save \\| sha256sum",
            "1.30",
            "stream",
        ),
    ] {
        let mut pairs = Pairs::default();
        for _ in 0..PAIRS {
            let built = build(
                program,
                image.name(),
                &["--read", read, "--tag", result.name()],
            )?;
            attach.push(built.report.seconds("attach"));
            let own = built.report.seconds("total") - built.report.seconds("run");
            pairs.add(own, save(image.name())?);
        }
        rows.push(Row {
            what,
            value: pairs.ratio(),
            aim,
            from: pairs.seconds(&format!("image of {MEGABYTES} MB and its base")),
        });
    }
    rows.push(Row {
        what: "attaching to the kernel",
        value: format!("{:.0} ms", median(&attach) * 1e3),
        aim: "100 ms",
        from: format!(
            "{} builds, side by side with reading and creating",
            attach.len()
        ),
    });
    Ok(rows)
}

/// Seconds of `docker save IMAGE | sha256sum`.
fn save(image: &str) -> Result<f64> {
    let start = Instant::now();
    let mut save = docker()
        .args(["save", image])
        .stdout(Stdio::piped())
        .spawn()?;
    let archive = save.stdout.take().context("the archive's pipe")?;
    let sum = Command::new("sha256sum")
        .stdin(archive)
        .stdout(Stdio::null())
        .status()?;
    ensure!(
        save.wait()?.success() && sum.success(),
        "docker save {image} failed"
    );
    Ok(start.elapsed().as_secs_f64())
}
