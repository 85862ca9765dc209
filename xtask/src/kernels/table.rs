//! The table: a column per kernel, a row per thing that was shown.

use std::fs;

use anyhow::{Context, Result};

use super::Arch;
use super::boot::Outcome;
use super::console::Row;
use super::kernel::Kernel;
use crate::cache;
use crate::table::insert_between;

/// Rows in their order.
pub(super) const ROWS: [&str; 8] = [
    "doctor",
    "conformance",
    "sources",
    "storm",
    "scope",
    "build",
    "no-btf",
    "lockdown",
];

/// In Markdown.
pub(super) fn render(columns: &[(Kernel, Outcome)]) -> String {
    let mut text = String::from("|");
    for (kernel, _) in columns {
        text += &format!(" | {}", kernel.release);
    }
    text += &format!(" |\n|---{}|\n", "|---".repeat(columns.len()));
    for name in ROWS {
        let cells: Vec<String> = columns
            .iter()
            .map(|(_, outcome)| cell(outcome, name))
            .collect();
        if cells.iter().any(|cell| cell != "not asked for") {
            text += &format!("| {name} | {} |\n", cells.join(" | "));
        }
    }
    let seconds = columns
        .iter()
        .map(|(_, outcome)| format!("{:.0}", outcome.took.as_secs_f64()));
    text += &format!(
        "| seconds | {} |\n",
        seconds.collect::<Vec<_>>().join(" | ")
    );
    text
}

fn cell(outcome: &Outcome, name: &str) -> String {
    let Ok(rows) = &outcome.rows else {
        return "FAILED".into();
    };
    let Some(row) = rows.iter().find(|row| row.name == name) else {
        return "not asked for".into();
    };
    let verdict = if row.passed { "ok" } else { "FAILED" };
    match row.text.is_empty() {
        true => verdict.to_owned(),
        false => format!("{verdict}: {}", row.text.replace('|', "\\|")),
    }
}

/// What is not as it should be, by kernel and row.
pub(super) fn failures(columns: &[(Kernel, Outcome)]) -> Vec<String> {
    let of = |(kernel, outcome): &(Kernel, Outcome)| -> Vec<String> {
        match &outcome.rows {
            Err(_) => vec![kernel.release.clone()],
            Ok(rows) => {
                let failed = |row: &&Row| !row.passed;
                let named = |row: &Row| format!("{} on {}", row.name, kernel.release);
                rows.iter().filter(failed).map(named).collect()
            }
        }
    };
    columns.iter().flat_map(of).collect()
}

/// Puts the table between its markers in docs/kernels.md.
pub(super) fn write(arch: Arch, table: &str) -> Result<()> {
    let file = cache::workspace_root().join("docs/kernels.md");
    let text = fs::read_to_string(&file).context("read docs/kernels.md")?;
    let marker = format!("table:{}", arch.debian());
    fs::write(&file, insert_between(&text, &marker, table)?).context("write docs/kernels.md")
}
