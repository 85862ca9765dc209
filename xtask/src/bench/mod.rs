//! `cargo xtask bench`: what minifier costs, as ratios of things measured in one run, since these machines are shared
//! and their speed is not their own.

mod build;
mod image;
mod measure;
mod memory;
mod nodaemon;
mod storm;
mod xray;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::cargo::{self, Profile};
use crate::{fixtures, setup};

/// One line of the result.
struct Row {
    /// What was measured.
    what: &'static str,
    /// Ratio or amount, with its unit.
    value: String,
    /// What it should be.
    aim: &'static str,
    /// The numbers behind it.
    from: String,
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What tracing costs the workload, and a bystander.
    Storm,
    /// What a build takes beyond the workload's own time.
    Build,
    /// Peak memory for a small and a large image.
    Memory,
    /// Copying, unpacking and starting without a daemon.
    Nodaemon,
    /// Analysing archives.
    Xray,
}

/// Measures those parts, or all where none is named, of that program or of the release build, and prints a Markdown
/// table.
pub fn run(parts: &[Part], program: Option<PathBuf>) -> Result<()> {
    setup::run_without_ebpf()?;
    fixtures::ensure_all(
        &fixtures::select(&["java", "nginx", "node-express", "static"].map(str::to_owned))?,
        false,
    )?;
    let program = match program {
        Some(program) => program,
        None => cargo::program(Profile::Release)?,
    };
    let mut rows = Vec::new();
    for part in Part::value_variants() {
        if parts.is_empty() || parts.contains(part) {
            rows.extend(match part {
                Part::Storm => storm::measure(&program)?,
                Part::Build => build::measure(&program)?,
                Part::Memory => memory::measure(&program)?,
                Part::Nodaemon => nodaemon::measure(&program)?,
                Part::Xray => xray::measure(&program)?,
            });
        }
    }
    println!("| measured | result | aim | from |\n|---|---:|---:|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} |",
            row.what, row.value, row.aim, row.from
        );
    }
    Ok(())
}
