//! The fixtures that the host put into this machine: each is built as its recipe says, and both sources of its trace
//! must have seen the same opens.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::minifier;

/// A folder per fixture: `layout` (OCI, tag `original`) and `recipe` (`fixture.json` and what its options name).
const FOLDER: &str = "/fixtures";
/// What an emulated machine cannot give to a fixture: its name, options that make up for it, and why.
const TOO_SLOW: [(&str, &[&str], &str); 1] = [(
    "healthcheck",
    &[
        "--ignore-probe-failures",
        "--exec",
        "curl -fsS http://127.0.0.1:8080/health",
    ],
    "its HEALTHCHECK need not end in time, curl runs once more without it",
)];
/// Number of `io_uring_setup`.
const IO_URING_SETUP: u64 = 425;

/// The names of those that are there, sorted.
pub(crate) fn names() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Builds one of them and compares the sources.
pub(crate) fn run(name: &str) -> Result<String> {
    let folder = Path::new(FOLDER).join(name);
    let recipe = folder.join("recipe");
    let text = fs::read(recipe.join("fixture.json")).context("read the recipe")?;
    let options: Value = serde_json::from_slice(&text).context("understand the recipe")?;
    let words = |field: &str| -> Vec<String> {
        let words = options[field].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let slow = TOO_SLOW.iter().find(|(slow, ..)| *slow == name);
    let report = minifier::report(
        minifier::command("runc")
            .arg("--target")
            .arg(format!("oci:{}:original", folder.join("layout").display()))
            .arg("--output")
            .arg(format!("oci:/run/result-{name}:slim"))
            .args(["--compression", "none"])
            // An emulated machine is slow.
            .args(["--ready-timeout", "240s", "--exec-timeout", "240s"])
            .args(words("run"))
            .args(words("build"))
            .args(slow.map_or(&[][..], |(_, options, _)| options))
            .current_dir(&recipe),
    )?;
    let times: Vec<String> = report["timings"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|timing| {
            format!(
                "{}: {:.1} s",
                timing["stage"],
                timing["seconds"].as_f64().unwrap_or_default()
            )
        })
        .collect();
    let mut said = agreement(&report)?;
    if let Some((_, _, why)) = slow {
        said += &format!("; {why}");
    }
    Ok(format!("{said}\n{}", times.join(", ")))
}

/// Whether both sources saw the same files. The second may also have seen what the kernel loads to execute a program, and
/// what io_uring opens.
fn agreement(report: &Value) -> Result<String> {
    let trace = &report["trace"];
    let second = &trace["second_source"];
    let Some(hook) = second["hook"].as_str() else {
        return Ok(format!("one source alone: {}", second["reason"]));
    };
    let missed = paths(&second["missed"]);
    ensure!(missed.is_empty(), "{hook} missed {missed:?}");
    let both = second["both"].as_u64().context("a number of files")?;
    ensure!(both > 0, "nothing was opened");
    let calls = trace["syscalls"].as_array().into_iter().flatten();
    let uses_uring = calls
        .filter_map(Value::as_u64)
        .any(|one| one == IO_URING_SETUP);
    let (loaded, other): (Vec<&str>, Vec<&str>) = paths(&second["alone"])
        .into_iter()
        .partition(|path| is_executed(report, path));
    ensure!(other.is_empty() || uses_uring, "{hook} alone saw {other:?}");
    let mut said = format!("{both} files");
    for (why, paths) in [("loaded by the kernel", loaded), ("by io_uring", other)] {
        if !paths.is_empty() {
            said += &format!("; {why}: {}", paths.join(" "));
        }
    }
    Ok(said)
}

/// Whether the report has it that the path was executed, as scripts and the interpreters of programs are.
fn is_executed(report: &Value, path: &str) -> bool {
    let kept = report["kept"].as_array().into_iter().flatten();
    let reasons = kept
        .filter(|kept| kept["path"] == path)
        .filter_map(|kept| kept["reasons"].as_array())
        .flatten();
    let mut traced = reasons.filter(|reason| reason["kind"] == "traced");
    traced.any(|reason| reason["operation"] == "execute")
}

fn paths(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
