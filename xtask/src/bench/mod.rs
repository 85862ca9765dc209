//! `cargo xtask bench`: what minifier costs, as ratios of things measured in one run, since these machines are shared
//! and their speed is not their own.

mod build;
mod image;
mod measure;
mod memory;
mod storm;

use anyhow::Result;

use crate::cargo::{Profile, program};
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

/// Measures everything and prints a Markdown table.
pub fn run() -> Result<()> {
    setup::run_without_ebpf()?;
    fixtures::ensure_all(
        &fixtures::select(&["nginx".into(), "static".into()])?,
        false,
    )?;
    let program = program(Profile::Release)?;
    let mut rows = Vec::new();
    for part in [storm::measure, build::measure, memory::measure] {
        rows.extend(part(&program)?);
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
