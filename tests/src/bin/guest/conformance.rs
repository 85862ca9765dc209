//! Every system call in each awkward way, in a container on this kernel.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use minifier::trace::{Gap, SecondSource, TraceOptions, Tracer};
use minifier_tests::conformance::make_data;
use minifier_tests::expected::assert_traced;

use crate::container::Container;

/// Fewest calls that the program announces on any kernel.
const AT_LEAST: usize = 140;

/// What the second source said, once it was asked.
static SOURCES: OnceLock<String> = OnceLock::new();

/// Files that no path of a system call leads to: those opened through io_uring, and a script that the kernel opens to find
/// its interpreter, which is what it executes.
const ALONE: [&str; 3] = ["/data/polled", "/data/ring", "/data/script"];

/// Whether both sources saw the same files: the second one also those that no path of a call led to.
fn agreement(second: &SecondSource) -> Result<String> {
    let Some(hook) = &second.hook else {
        let reason = second.reason.as_deref().unwrap_or_default();
        return Ok(format!("sys_exit; {reason}"));
    };
    ensure!(
        second.missed.is_empty(),
        "{hook} missed {:?}",
        second.missed
    );
    let alone: Vec<String> = second.alone.iter().map(ToString::to_string).collect();
    ensure!(alone == ALONE, "{hook} alone saw {alone:?}");
    Ok(format!("sys_exit; {hook} agrees"))
}

/// Which sources were active.
pub(crate) fn sources() -> Result<String> {
    SOURCES.get().cloned().context("conformance did not tell")
}

pub(crate) async fn run() -> Result<String> {
    let image = Path::new("/run/images/conformance");
    fs::create_dir_all(image)?;
    fs::copy("/programs/conformance", image.join("conformance"))?;
    make_data(image)?;
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    let container = Container::new("conformance", image)?;
    tracer.follow(&container.id)?;
    let mut first = container.spawn(&["/conformance", "all"])?;
    let mut reader = BufReader::new(first.stdout.take().context("a pipe")?);
    let mut printed = String::new();
    while reader.read_line(&mut printed)? > 0 && !printed.ends_with("ready\n") {}
    if !printed.ends_with("ready\n") {
        let mut words = String::new();
        first
            .stderr
            .take()
            .context("a pipe")?
            .read_to_string(&mut words)?;
        anyhow::bail!("the program failed: {words}");
    }
    printed += &container.exec(&first, &["/conformance", "open", "/data/by-exec"])?;
    printed += &container.nsenter(&first, &["/conformance", "open", "/data/by-nsenter"])?;
    container.exec(&first, &["/conformance", "stop"])?;
    ensure!(first.wait()?.success(), "the program failed");
    reader.read_to_string(&mut printed)?;
    let trace = tracer.finish().await?;

    // Where requests of io_uring cannot be read, the trace must say so: it is never silent.
    let (told, other): (Vec<_>, Vec<_>) = {
        let of_uring = |gap: &&Gap| matches!(gap, Gap::UringLost(_) | Gap::UringUnseen);
        trace.gaps.iter().partition(of_uring)
    };
    ensure!(other.is_empty(), "{other:?}");
    ensure!(trace.lost() == 0, "{:?}", trace.hooks);
    let announced: String = printed
        .split_inclusive('\n')
        .filter(|line| told.is_empty() || !line.starts_with("expect\tio_uring"))
        .collect();
    assert_traced(&trace, &announced, AT_LEAST)?;
    let _ = SOURCES.set(agreement(&trace.second_source)?);
    let count = announced
        .lines()
        .filter(|line| line.starts_with("expect\t"))
        .count();
    Ok(match told.first() {
        None => format!("{count} calls"),
        Some(gap) => format!("{count} calls; {gap}"),
    })
}
