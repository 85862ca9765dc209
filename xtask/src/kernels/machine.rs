//! [`Machine`]: one kernel to start, with or without a fixture, and what it is asked.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use super::boot::{Outcome, boot};
use super::emulator::Emulator;
use super::fixture;
use super::initramfs::Initramfs;
use super::kernel::Kernel;
use crate::fixtures::Recipe;

/// See the module.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    pub(crate) kernel: &'a Kernel,
    /// The fixture that it builds, and then nothing else.
    pub(crate) fixture: Option<&'a Recipe>,
    /// Only these rows; all where none is named.
    pub(crate) rows: Vec<String>,
}

impl<'a> Machine<'a> {
    /// One that builds a fixture.
    pub(crate) fn with_fixture(kernel: &'a Kernel, recipe: &'a Recipe) -> Self {
        Self {
            kernel,
            fixture: Some(recipe),
            rows: vec![row(recipe)],
        }
    }

    /// Whether it takes much longer than others.
    pub(crate) fn is_long(&self) -> bool {
        self.fixture.is_none()
            && (self.rows.is_empty() || self.rows.iter().any(|row| row == "build"))
    }

    /// Starts it and waits for its end. `base` is what all machines have, `minifier` the program for this host, which a
    /// fixture needs.
    pub(crate) fn run(
        &self,
        emulator: &Emulator,
        base: &Initramfs,
        minifier: Option<&Path>,
    ) -> Result<Outcome> {
        let mut archive = base.clone();
        for module in self.kernel.modules()? {
            let name = module.file_name().unwrap_or_default().to_string_lossy();
            archive.file(&module, &format!("/modules/{name}"))?;
        }
        let memory = match self.fixture {
            None => fixture::MEMORY,
            Some(recipe) => {
                let minifier = minifier.context("no program to copy the fixture's image")?;
                fixture::put(minifier, recipe, &mut archive)?
            }
        };
        let words = if self.rows.is_empty() {
            String::new()
        } else {
            format!("minifier.rows={}", self.rows.join(","))
        };
        eprintln!("kernels: starting {self}");
        let outcome = boot(emulator, self.kernel, &archive.finish(), memory, &words)?;
        self.tell(&outcome);
        Ok(outcome)
    }

    fn tell(&self, outcome: &Outcome) {
        let seconds = outcome.took.as_secs_f64();
        eprintln!(
            "kernels: {self} took {seconds:.0} s, log in {}",
            outcome.log.display()
        );
        match &outcome.rows {
            Ok(rows) => {
                for row in rows {
                    let verdict = if row.passed { "ok" } else { "FAILED" };
                    eprintln!(
                        "  {:<12} {verdict:<6} {:>5.1} s  {}",
                        row.name, row.seconds, row.text
                    );
                }
            }
            Err(error) => eprintln!("  FAILED {error:#}"),
        }
    }
}

impl fmt::Display for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = &self.kernel.release;
        match self.fixture {
            None => f.write_str(release),
            Some(recipe) => write!(f, "{release} with {}", recipe.name),
        }
    }
}

/// The name of a fixture's row.
pub(crate) fn row(recipe: &Recipe) -> String {
    format!("fixture:{}", recipe.name)
}
