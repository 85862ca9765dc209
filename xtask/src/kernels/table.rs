//! The tables: a column per kernel, a row per thing that was shown or per fixture.

use std::fs;

use anyhow::{Context, Result};

use super::Arch;
use super::boot::Outcome;
use super::console::Row;
use super::kernel::Kernel;
use super::machine::{Machine, row};
use crate::cache;
use crate::fixtures::Recipe;
use crate::table::insert_between;

/// Rows in their order.
pub(crate) const ROWS: [&str; 8] = [
    "doctor",
    "conformance",
    "sources",
    "storm",
    "scope",
    "build",
    "no-btf",
    "lockdown",
];

/// What the machines told, by kernel.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    kernels: &'a [Kernel],
    outcomes: &'a [(Machine<'a>, Outcome)],
}

impl<'a> Table<'a> {
    /// With the kernels in the order of the columns.
    pub(crate) fn new(kernels: &'a [Kernel], outcomes: &'a [(Machine<'a>, Outcome)]) -> Self {
        Self { kernels, outcomes }
    }

    /// A column per kernel, a row per thing that was shown, in Markdown; empty if only fixtures were built.
    pub(crate) fn kernels(&self) -> String {
        let mut lines = Vec::new();
        for name in ROWS {
            lines.extend(self.line(name, |kernel| cell(self.outcome(kernel, None)?, name)));
        }
        let seconds = |kernel: &Kernel| Some(seconds(self.outcome(kernel, None)?));
        lines.extend(self.line("seconds", seconds));
        self.with_head(&lines)
    }

    /// A column per kernel, a row per fixture, in Markdown; empty if none was built.
    pub(crate) fn fixtures(&self, recipes: &[Recipe]) -> String {
        let mut lines = Vec::new();
        for recipe in recipes {
            let told = |kernel: &Kernel| {
                let outcome = self.outcome(kernel, Some(&recipe.name))?;
                let cell = cell(outcome, &row(recipe))?;
                Some(format!("{cell} ({} s)", seconds(outcome)))
            };
            lines.extend(self.line(&recipe.name, told));
        }
        self.with_head(&lines)
    }

    /// What is not as it should be, by kernel and row, each with what the machine said of it.
    pub(crate) fn failures(&self) -> Vec<String> {
        let of = |(machine, outcome): &(Machine<'_>, Outcome)| -> Vec<String> {
            match &outcome.rows {
                Err(error) => vec![format!("{machine}: {error:#}")],
                Ok(rows) => {
                    let failed = rows.iter().filter(|row| !row.passed);
                    let named = |row: &Row| {
                        format!("{} on {}: {}", row.name, machine.kernel.release, row.text)
                    };
                    failed.map(named).collect()
                }
            }
        };
        self.outcomes.iter().flat_map(of).collect()
    }

    /// What a kernel's own machine told, or the one with a fixture.
    fn outcome(&self, kernel: &Kernel, fixture: Option<&str>) -> Option<&'a Outcome> {
        let of = |(machine, _): &&(Machine<'_>, Outcome)| {
            machine.kernel.release == kernel.release
                && machine.fixture.map(|recipe| recipe.name.as_str()) == fixture
        };
        self.outcomes.iter().find(of).map(|(_, outcome)| outcome)
    }

    /// `None` if no kernel has that cell.
    fn line(&self, name: &str, cell: impl Fn(&Kernel) -> Option<String>) -> Option<String> {
        let cells: Vec<Option<String>> = self.kernels.iter().map(cell).collect();
        if cells.iter().all(Option::is_none) {
            return None;
        }
        let cells = cells
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "not asked for".into()));
        Some(format!(
            "| {name} | {} |\n",
            cells.collect::<Vec<_>>().join(" | ")
        ))
    }

    fn with_head(&self, lines: &[String]) -> String {
        if lines.is_empty() {
            return String::new();
        }
        let mut text = String::from("|");
        for kernel in self.kernels {
            text += &format!(" | {}", kernel.release);
        }
        text += &format!(" |\n|---{}|\n", "|---".repeat(self.kernels.len()));
        text + &lines.concat()
    }
}

fn seconds(outcome: &Outcome) -> String {
    format!("{:.0}", outcome.took.as_secs_f64())
}

/// `None` if that row was not asked for.
fn cell(outcome: &Outcome, name: &str) -> Option<String> {
    let Ok(rows) = &outcome.rows else {
        return Some("FAILED".into());
    };
    let row = rows.iter().find(|row| row.name == name)?;
    let verdict = if row.passed { "ok" } else { "FAILED" };
    Some(if row.text.is_empty() {
        verdict.to_owned()
    } else {
        format!("{verdict}: {}", row.text.replace('|', "\\|"))
    })
}

/// Puts the tables that are not empty between their markers in docs/kernels.md.
pub(crate) fn write(arch: Arch, kernels: &str, fixtures: &str) -> Result<()> {
    let file = cache::workspace_root().join("docs/kernels.md");
    let mut text = fs::read_to_string(&file).context("read docs/kernels.md")?;
    for (kind, table) in [("table", kernels), ("fixtures", fixtures)] {
        if !table.is_empty() {
            text = insert_between(&text, &format!("{kind}:{}", arch.debian()), table)?;
        }
    }
    fs::write(&file, text).context("write docs/kernels.md")
}
