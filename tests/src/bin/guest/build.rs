//! A whole `minify build`: an image in an OCI layout, run by runc without any engine, asked over HTTP; then the result
//! once more, by crun, which must answer as well and be as small as it gets.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::minifier;

const ORIGINAL: &str = "oci:/images/layout:app";
const RESULT: &str = "oci:/run/result:slim";
const AGAIN: &str = "oci:/run/again:slim";

pub(crate) fn run() -> Result<String> {
    let first = build(ORIGINAL, RESULT, "runc").context("build")?;
    let again = build(RESULT, AGAIN, "crun").context("run the result")?;
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

/// Builds `output` from `target`; its report. The page must be there.
fn build(target: &str, output: &str, runtime: &str) -> Result<Value> {
    minifier::report(
        minifier::command(runtime)
            .args(["--target", target, "--output", output])
            .args(["--http-probe", "/index.html", "--http-probe-expect", "200"])
            .args(["--ready-timeout", "120s"]),
    )
}
