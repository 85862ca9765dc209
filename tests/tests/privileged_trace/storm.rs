//! Many accesses at once, none of which repeats another.

use std::collections::HashSet;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use minifier::trace::{Gap, Operation, Trace, TraceOptions};
use minifier_tests::Minifier;
use minifier_tests::tracing::trace_run;
use xtask::docker::TemporaryImage;

use crate::privileged_trace::support::{assert_complete, import, program};

const PROCESSES: usize = 8;
const OPENS: usize = 200_000;
/// Memory for all that a storm leads to.
const ENOUGH: u64 = 256 << 20;

async fn storm(test: &str, options: TraceOptions) -> Result<Trace> {
    let root = tempfile::tempdir()?;
    program("storm.rs", root.path())?;
    std::fs::create_dir(root.path().join("tmp"))?;
    let image = import(test, root.path())?;
    let [processes, opens] = [PROCESSES, OPENS].map(|number| number.to_string());
    let args = [
        "--tmpfs=/tmp",
        "--network=none",
        image.name(),
        "/storm",
        &processes,
        &opens,
    ];
    let (trace, output) = trace_run(options, &args).await?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(trace)
}

/// Files of the storm that the trace has with this operation.
fn files(trace: &Trace, operation: Operation) -> HashSet<&[u8]> {
    let of_storm = trace.accesses.iter().filter(|access| {
        access.operation == operation
            && access.requested.starts_with(b"/tmp/storm-")
            && access.result >= Some(0)
    });
    of_storm.map(|access| &access.requested[..]).collect()
}

#[tokio::test]
async fn privileged_nothing_of_a_storm_is_lost_with_the_default_buffer() -> Result<()> {
    let options = TraceOptions {
        memory_bytes: ENOUGH,
        ..TraceOptions::default()
    };
    let trace = storm("storm", options).await?;
    assert_complete(&trace);
    assert_eq!(files(&trace, Operation::OpenWrite).len(), OPENS);
    assert_eq!(files(&trace, Operation::Remove).len(), OPENS);
    let strange = trace.accesses.iter().find(|access| {
        let resolved = access.resolved.as_ref().map(|path| path.as_bytes());
        access.operation == Operation::OpenWrite && resolved != Some(&access.requested[..])
    });
    assert_eq!(strange, None, "an open that was resolved wrong");
    Ok(())
}

#[tokio::test]
async fn privileged_losses_with_a_tiny_buffer_are_counted() -> Result<()> {
    let trace = storm(
        "tiny",
        TraceOptions {
            buffer_bytes: 4096,
            memory_bytes: ENOUGH,
            ..TraceOptions::default()
        },
    )
    .await?;
    assert!(trace.lost() > 0, "{:?}", trace.hooks);
    assert!(!trace.is_complete());
    assert!(
        trace
            .gaps
            .iter()
            .any(|gap| matches!(gap, Gap::BufferFull { .. })),
        "{:?}",
        trace.gaps
    );
    let recorded =
        files(&trace, Operation::OpenWrite).len() + files(&trace, Operation::Remove).len();
    let lost = usize::try_from(trace.hooks[0].lost)?;
    assert!(
        recorded + lost >= 2 * OPENS,
        "{recorded} recorded, {lost} lost: some are neither"
    );
    Ok(())
}

/// What a build may take of memory, whatever its container does.
const PEAK: u64 = 200_000_000;

/// `minify build` of an image whose program asks for that many paths of that many bytes: the exit code, what it said
/// and the report, if there is one.
fn build_from_paths(
    test: &str,
    paths: usize,
    length: usize,
    options: &[&str],
) -> Result<(i32, String, serde_json::Value)> {
    let root = tempfile::tempdir()?;
    program("paths.rs", root.path())?;
    let image = import(test, root.path())?;
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let slim = TemporaryImage::new(format!("{}:slim", image.name()));
    let mut build = Minifier::find()?.command(folder.path());
    build.args(["build", "--target", image.name(), "--tag", slim.name()]);
    build.args(["--entrypoint", &format!("/paths {paths} {length}")]);
    build.args(["--continue-after", "exit", "--network", "none"]);
    build.arg("--report").arg(&report).args(options);
    let mut child = build.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let (status, peak) = xtask::command::wait_with_peak(&mut child)?;
    let said = String::from_utf8(child.wait_with_output()?.stderr)?;
    ensure!(peak < PEAK, "{peak} bytes of memory:\n{said}");
    let code = status.code().context("an exit code")?;
    let report = match std::fs::read(&report) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => serde_json::Value::Null,
    };
    Ok((code, said, report))
}

#[test]
fn privileged_long_paths_without_end_are_exit_code_6_in_bounded_memory() -> Result<()> {
    let (code, said, _) = build_from_paths("long", 200_000, 4000, &[])?;
    ensure!(code == 6, "exit code {code}:\n{said}");
    for words in [
        "memory limit of 64.0 MiB for the trace was reached",
        "--trace-memory",
    ] {
        ensure!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    Ok(())
}

#[test]
fn privileged_short_paths_without_end_are_reported_as_a_gap_in_bounded_memory() -> Result<()> {
    let allowed = ["--allow-incomplete-trace"];
    let (code, said, report) = build_from_paths("short", 1_000_000, 8, &allowed)?;
    ensure!(code == 0, "exit code {code}:\n{said}");
    let trace = &report["trace"];
    ensure!(trace["complete"] == false, "{trace}");
    let gaps = trace["gaps"].to_string();
    ensure!(
        gaps.contains("memory limit of 64.0 MiB for the trace was reached"),
        "{gaps}"
    );
    Ok(())
}
