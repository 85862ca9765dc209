//! What the machine tells: lines on its console that nothing else can print, as they carry a nonce that the host chose.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};

/// See the module.
pub(crate) struct Report {
    nonce: String,
    rows: Option<Vec<String>>,
}

impl Report {
    /// With the nonce and the names of the rows that the kernel's command line has (`minifier.nonce=`, `minifier.rows=`).
    pub(crate) fn from_command_line() -> Result<Self> {
        let line = std::fs::read_to_string("/proc/cmdline").context("read /proc/cmdline")?;
        let value = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name).map(str::to_owned))
        };
        Ok(Self {
            nonce: value("minifier.nonce=").context("the command line has no nonce")?,
            rows: value("minifier.rows=").map(|rows| rows.split(',').map(str::to_owned).collect()),
        })
    }

    /// Whether that row was asked for; all are where none is named.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows
            .as_ref()
            .is_none_or(|rows| rows.iter().any(|one| one == row))
    }

    /// The outcome of a row. A failure's whole text goes to the console, its first line into the row.
    pub(crate) fn row(&self, name: &str, took: Duration, outcome: &Result<String>) {
        let (verdict, text) = match outcome {
            Ok(text) => ("ok", text.clone()),
            Err(error) => ("failed", format!("{error:#}")),
        };
        let first = text.lines().next().unwrap_or_default();
        if text.lines().nth(1).is_some() {
            self.write(&format!("{name}:\n{text}\n"));
        }
        let seconds = took.as_secs_f64();
        self.write(&format!(
            "\n{} {name} {verdict} {seconds:.1} {first}\n",
            self.nonce
        ));
    }

    /// All rows were told.
    pub(crate) fn end(&self) {
        self.write(&format!("\n{} end\n", self.nonce));
    }

    /// With one write, so that the kernel's own words come before or after.
    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }
}
