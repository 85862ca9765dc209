//! Every system call in each awkward way, in a container on this kernel.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use minifier::trace::{TraceOptions, Tracer};
use minifier_tests::conformance::make_data;
use minifier_tests::expected::assert_traced;

use crate::container::Container;

/// Fewest calls that the program announces on any kernel.
const AT_LEAST: usize = 140;

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
    let (told, other): (Vec<_>, Vec<_>) =
        trace.gaps.iter().partition(|gap| gap.contains("io_uring"));
    ensure!(other.is_empty(), "{other:?}");
    ensure!(trace.lost() == 0, "{:?}", trace.hooks);
    let announced: String = printed
        .split_inclusive('\n')
        .filter(|line| told.is_empty() || !line.starts_with("expect\tio_uring"))
        .collect();
    assert_traced(&trace, &announced, AT_LEAST)?;
    let count = announced
        .lines()
        .filter(|line| line.starts_with("expect\t"))
        .count();
    Ok(match told.first() {
        None => format!("{count} calls"),
        Some(gap) => format!("{count} calls; {gap}"),
    })
}
