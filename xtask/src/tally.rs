//! Counting what `cargo test` prints, while it is printed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Tests that were executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ended well.
    pub passed: u64,
    /// Ended badly.
    pub failed: u64,
}

impl Tally {
    /// Runs `command`, passing its standard output on to `shown`, and adds what it reports; whether it exited with 0.
    pub(crate) fn run(&mut self, command: &mut Command, shown: &mut impl Write) -> Result<bool> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .context("start cargo test")?;
        let stdout = child.stdout.take().context("read from cargo test")?;
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .context("read from cargo test")?
            > 0
        {
            shown.write_all(&line)?;
            self.add(&String::from_utf8_lossy(&line));
            line.clear();
        }
        Ok(child.wait()?.success())
    }

    /// Adds a closing line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out\n");
        tally.add("test result: FAILED. 3 passed; 2 failed; 0 ignored\n");
        tally.add("test some::test ... 7 passed; 7 failed;\n");
        assert_eq!((tally.passed, tally.failed), (15, 2));
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
        assert_eq!(
            tally,
            Tally {
                passed: 1,
                failed: 1
            }
        );
    }
}
