//! `minify build` as a guest runs it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// `minify build` with its program, folders and the container runtime, for a target and options to be added.
pub(crate) fn command(runtime: &str) -> Command {
    let mut command = Command::new("/bin/minify");
    command
        .args(["build", "--runtime", runtime])
        .env("PATH", "/usr/sbin:/usr/bin:/bin")
        .env("HOME", "/run")
        .env("TMPDIR", "/run/tmp")
        .env("MINIFIER_CACHE_DIR", "/run/cache");
    command
}

/// Runs a [`command`]; its report. Nothing may be missing in the trace.
pub(crate) fn report(command: &mut Command) -> Result<Value> {
    const REPORT: &str = "/run/report.json";
    fs::create_dir_all("/run/tmp")?;
    let ended = command.args(["--report", REPORT]).output();
    let ended = ended.context("start minifier")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{}: {said}", ended.status);
    let report: Value = serde_json::from_slice(&fs::read(REPORT)?)?;
    let trace = &report["trace"];
    ensure!(trace["complete"] == true, "{}", trace["gaps"]);
    Ok(report)
}
