//! The first process of a virtual machine: repeats on its kernel, with control groups of version 2 alone, what the
//! privileged tests show on the development host. Started by `cargo xtask kernels`, which reads the results from the
//! console.
//!
//! The same program is the entry into a container (`guest enter`, `guest join`), as an OCI runtime would be.

mod build;
mod conformance;
mod container;
mod fixture;
mod host;
mod minifier;
mod refusals;
mod report;
mod scope;
mod storm;
mod system;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use report::Report;

/// Longest time of one row.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() {
    let words: Vec<_> = std::env::args_os().collect();
    let words: Vec<&std::ffi::OsStr> = words.iter().map(AsRef::as_ref).collect();
    let entered = match words.get(1).and_then(|word| word.to_str()) {
        Some("enter") => container::enter(&words[2..]),
        Some("join") => container::join(&words[2..]),
        _ => {
            init();
            return;
        }
    };
    if let Err(error) = entered {
        eprintln!("guest: {error:#}");
    }
    std::process::exit(125);
}

/// Everything that the first process does; ends the machine.
fn init() {
    let outcome = system::prepare().and_then(|()| {
        let report = Report::from_command_line()?;
        rows(&report);
        report.end();
        Ok(())
    });
    if let Err(error) = outcome {
        println!("guest: {error:#}");
    }
    system::power_off();
}

type Row = Box<dyn Fn() -> Result<String>>;

fn rows(report: &Report) {
    let mut all: Vec<(String, Row)> = vec![
        ("doctor".into(), Box::new(host::doctor)),
        (
            "conformance".into(),
            Box::new(|| block_on(conformance::run())),
        ),
        ("sources".into(), Box::new(conformance::sources)),
        ("storm".into(), Box::new(|| block_on(storm::run()))),
        ("scope".into(), Box::new(|| block_on(scope::run()))),
        ("build".into(), Box::new(build::run)),
    ];
    for name in fixture::names() {
        all.push((
            format!("fixture:{name}"),
            Box::new(move || fixture::run(&name)),
        ));
    }
    all.push((
        "no-btf".into(),
        Box::new(|| block_on(refusals::without_btf())),
    ));
    // The last one: there is no way back.
    all.push((
        "lockdown".into(),
        Box::new(|| block_on(refusals::locked_down())),
    ));
    for (name, row) in all {
        if !report.wants(&name) {
            continue;
        }
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(row)).unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<String>().cloned();
            Err(anyhow!("panicked: {}", words.unwrap_or_default()))
        });
        report.row(&name, started.elapsed(), &outcome);
    }
}

fn block_on(work: impl Future<Output = Result<String>>) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, work)
            .await
            .context("it did not end in time")?
    })
}
