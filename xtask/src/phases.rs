//! [`Phases`]: what a long command does one after the other, how long each part took, and why some failed.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::tally::{Failure, Tally};

/// Of an error that goes over many lines, so many are repeated in the summary.
const LINES: usize = 6;

/// What was done and how it ended.
#[derive(Default)]
pub(crate) struct Phases {
    done: Vec<Phase>,
    failures: Vec<Failure>,
    tally: Option<Tally>,
}

struct Phase {
    name: String,
    took: Duration,
    passed: bool,
}

impl Phases {
    /// Runs what everything after it needs: its error ends the command.
    pub(crate) fn run<T>(&mut self, name: &str, phase: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n==> {name}");
        let start = Instant::now();
        let result = phase();
        self.done.push(Phase {
            name: name.to_owned(),
            took: start.elapsed(),
            passed: result.is_ok(),
        });
        result.with_context(|| name.to_owned())
    }

    /// Runs a phase that nothing after it needs: a failure is kept for the summary.
    pub(crate) fn run_task(&mut self, name: &str, phase: impl FnOnce() -> Result<()>) {
        if let Err(error) = self.run(name, phase) {
            eprintln!("{error:#}");
            let cause = error.chain().skip(1).map(ToString::to_string);
            self.failures.push(Failure {
                name: name.to_owned(),
                why: shortened(&cause.collect::<Vec<_>>().join(": ")),
            });
        }
    }

    /// Runs `cargo test`, passing what it prints on to `shown`, and counts its tests.
    pub(crate) fn run_tests(
        &mut self,
        name: &str,
        cargo: &mut Command,
        shown: &mut impl Write,
    ) -> Result<()> {
        let mut tally = self.tally.take().unwrap_or_default();
        let known = tally.failures.len();
        let passed = self.run(name, || tally.run(cargo, shown));
        let new = tally.failures.split_off(known);
        self.tally = Some(tally);
        if passed? {
            return Ok(());
        }
        if let Some(last) = self.done.last_mut() {
            last.passed = false;
        }
        if new.is_empty() {
            // A test program that was killed, or that does not compile.
            self.failures.push(Failure {
                name: name.to_owned(),
                why: "cargo test failed without naming a test; see its last lines".into(),
            });
        }
        self.failures.extend(new);
        Ok(())
    }

    /// Prints the summary; an error if something failed or no test ran.
    pub(crate) fn finish(&self) -> Result<()> {
        eprintln!();
        for phase in &self.done {
            let state = if phase.passed { "ok" } else { "FAILED" };
            let seconds = phase.took.as_secs_f64();
            eprintln!("{:<24} {seconds:>6.1} s  {state}", phase.name);
        }
        for failure in &self.failures {
            eprintln!("FAILED {}: {}", failure.name, failure.why);
        }
        if let Some(tally) = &self.tally {
            println!("{} passed, {} failed", tally.passed, tally.failed);
        }
        if !self.failures.is_empty() {
            let names = self.failures.iter().map(|failure| failure.name.as_str());
            bail!("failed: {}", names.collect::<Vec<_>>().join(", "));
        }
        if self.tally.as_ref().is_some_and(|tally| tally.passed == 0) {
            bail!("no test ran");
        }
        Ok(())
    }
}

/// The first line and the last ones: a program that failed says why at its end.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= LINES {
        return text.to_owned();
    }
    let last = &lines[lines.len() - (LINES - 1)..];
    format!("{}\n  …\n{}", lines[0], last.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_summary_says_why_a_task_failed() {
        let mut phases = Phases::default();
        let error = anyhow!("E: lists are locked").context("fetch the package lists");
        phases.run_task("kernels", || Err(error));
        phases.run_task("fuzz targets", || Ok(()));
        assert_eq!(
            phases.failures,
            [Failure {
                name: "kernels".into(),
                why: "fetch the package lists: E: lists are locked".into(),
            }]
        );
        let error = phases.finish().unwrap_err();
        assert_eq!(error.to_string(), "failed: kernels");
    }

    #[test]
    fn a_failed_test_is_named_and_the_phase_counts_as_failed() {
        let mut phases = Phases::default();
        let printed = "---- a::b stdout ----\nthread 'a::b' panicked at x:1:2:\nno answer\n\ntest result: FAILED. 2 passed; 1 failed;";
        let mut shell = Command::new("sh");
        shell.args(["-c", "printf '%s\\n' \"$1\"; exit 101", "sh", printed]);
        phases
            .run_tests("docker tests", &mut shell, &mut io::sink())
            .unwrap();
        assert_eq!(phases.failures[0].why, "no answer");
        assert!(!phases.done[0].passed);
        let error = phases.finish().unwrap_err();
        assert_eq!(error.to_string(), "failed: a::b");
    }

    #[test]
    fn a_test_program_that_dies_is_a_failure() {
        let mut phases = Phases::default();
        let mut shell = Command::new("sh");
        phases
            .run_tests(
                "unit tests",
                shell.args(["-c", "exit 101"]),
                &mut io::sink(),
            )
            .unwrap();
        assert_eq!(phases.failures[0].name, "unit tests");
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        let mut phases = Phases::default();
        let mut shell = Command::new("sh");
        let nothing = "echo 'test result: ok. 0 passed; 0 failed;'";
        phases
            .run_tests("unit tests", shell.args(["-c", nothing]), &mut io::sink())
            .unwrap();
        let error = phases.finish().unwrap_err();
        assert_eq!(error.to_string(), "no test ran");
    }

    #[test]
    fn long_reasons_keep_their_end() {
        let text = (1..=20).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(shortened(&text.join("\n")), "1\n  …\n16\n17\n18\n19\n20");
        assert_eq!(shortened("one\ntwo"), "one\ntwo");
    }
}
