//! Reading what `cargo test` prints, while it is printed: how many tests there were, which failed, and why.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Tests that were executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ended well.
    pub(crate) passed: u64,
    /// Ended badly.
    pub(crate) failed: u64,
    /// Those that ended badly.
    pub(crate) failures: Vec<Failure>,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Its full name.
    pub(crate) name: String,
    /// The message of its panic or error, one line; empty if it printed none.
    pub(crate) why: String,
}

/// Where in the output of one run the reader is.
#[derive(Default)]
struct Reader {
    /// The test whose output is being printed.
    test: Option<String>,
    /// Whether the next line is the message of its panic.
    message_follows: bool,
}

impl Tally {
    /// Runs `command`, passing its standard output on to `shown`, and adds what it reports; whether it exited with 0.
    pub(crate) fn run(&mut self, command: &mut Command, shown: &mut impl Write) -> Result<bool> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .context("start cargo test")?;
        let stdout = child.stdout.take().context("read from cargo test")?;
        let mut stdout = BufReader::new(stdout);
        let mut reader = Reader::default();
        let mut line = Vec::new();
        while stdout
            .read_until(b'\n', &mut line)
            .context("read from cargo test")?
            > 0
        {
            shown.write_all(&line)?;
            self.add(&mut reader, String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
        Ok(child.wait()?.success())
    }

    fn add(&mut self, reader: &mut Reader, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            *reader = Reader::default();
            self.count(result);
        } else if let Some(name) = heading(line) {
            *reader = Reader {
                test: Some(name.to_owned()),
                message_follows: false,
            };
            self.failures.push(Failure {
                name: name.to_owned(),
                why: String::new(),
            });
        } else if reader.test.is_some() {
            self.explain(reader, line);
        }
    }

    /// Takes the first panic's message, or the error that the test returned.
    fn explain(&mut self, reader: &mut Reader, line: &str) {
        let Some(failure) = self.failures.last_mut().filter(|last| last.why.is_empty()) else {
            return;
        };
        if reader.message_follows && !line.is_empty() {
            failure.why = line.to_owned();
        } else if line.starts_with("thread '") && line.contains(" panicked at ") {
            reader.message_follows = true;
        } else if let Some(error) = line.strip_prefix("Error: ") {
            failure.why = error.to_owned();
        }
    }

    /// Adds a closing line such as `ok. 3 passed; 0 failed; 1 ignored; …`.
    fn count(&mut self, result: &str) {
        let number = |word: &str| -> u64 {
            let before = result.split(word).next().unwrap_or_default();
            before
                .split_whitespace()
                .last()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed;");
        self.failed += number(" failed;");
    }
}

/// The test's name in the line above what it printed: `---- NAME stdout ----`.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(printed: &str) -> Tally {
        let mut tally = Tally::default();
        let mut reader = Reader::default();
        for line in printed.lines() {
            tally.add(&mut reader, line);
        }
        tally
    }

    #[test]
    fn closing_lines_are_added_up() {
        let tally = read(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored\n\
             test some::test ... 7 passed; 7 failed;\n",
        );
        assert_eq!((tally.passed, tally.failed), (15, 2));
    }

    #[test]
    fn failures_are_named_with_the_line_that_says_why() {
        let tally = read(
            "failures:\n\n---- a::panics stdout ----\nstarting\n\n\
             thread 'a::panics' (7) panicked at src/a.rs:3:5:\nassertion failed: left == right\n  left: 1\n\
             note: run with `RUST_BACKTRACE=1`\n\n---- b::errs stdout ----\nError: read the file: gone\n\n\
             ---- c::silent stdout ----\n\n\nfailures:\n    a::panics\n    b::errs\n",
        );
        let failure = |name: &str, why: &str| Failure {
            name: name.into(),
            why: why.into(),
        };
        assert_eq!(
            tally.failures,
            [
                failure("a::panics", "assertion failed: left == right"),
                failure("b::errs", "read the file: gone"),
                failure("c::silent", ""),
            ]
        );
    }

    #[test]
    fn output_is_counted_and_a_failure_noticed() {
        let mut tally = Tally::default();
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101",
        ]);
        let mut shown = Vec::new();
        assert!(!tally.run(&mut shell, &mut shown).unwrap());
        assert!(shown.starts_with(b"test result"));
        assert_eq!((tally.passed, tally.failed), (1, 1));
    }
}
