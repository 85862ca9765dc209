//! A whole `minifier build`: an image in an OCI layout, run by runc without any engine, asked over HTTP; then the result
//! once more, which must answer as well and be as small as it gets.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

const ORIGINAL: &str = "oci:/images/layout:app";
const RESULT: &str = "oci:/run/result:slim";
const AGAIN: &str = "oci:/run/again:slim";

pub(crate) fn run() -> Result<String> {
    let first = build(ORIGINAL, RESULT).context("build")?;
    let again = build(RESULT, AGAIN).context("run the result")?;
    let size = |report: &Value, image: &str| report[image]["size"].as_u64().context("a size");
    let (before, after) = (size(&first, "image")?, size(&first, "result")?);
    ensure!(after * 2 < before, "{before} bytes became {after}");
    ensure!(
        size(&again, "result")? == after,
        "the result, built again, has {} bytes and not {after}",
        size(&again, "result")?
    );
    Ok(format!(
        "{:.1} MB became {:.1} MB",
        before as f64 / 1e6,
        after as f64 / 1e6
    ))
}

/// Builds `output` from `target`; its report. The page must be there, and nothing may be missing in the trace.
fn build(target: &str, output: &str) -> Result<Value> {
    std::fs::create_dir_all("/run/tmp")?;
    let mut minifier = Command::new("/bin/minifier");
    minifier
        .args([
            "build",
            "--target",
            target,
            "--output",
            output,
            "--runtime",
            "runc",
        ])
        .args(["--http-probe", "/index.html", "--http-probe-expect", "200"])
        .args(["--ready-timeout", "120s", "--report", "/run/report.json"])
        .env("PATH", "/usr/sbin:/bin")
        .env("HOME", "/run")
        .env("TMPDIR", "/run/tmp")
        .env("MINIFIER_CACHE_DIR", "/run/cache");
    let ended = minifier.output().context("start minifier")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{}: {said}", ended.status);
    let report: Value = serde_json::from_slice(&std::fs::read("/run/report.json")?)?;
    ensure!(
        report["trace"]["complete"] == true,
        "{}",
        report["trace"]["gaps"]
    );
    Ok(report)
}
