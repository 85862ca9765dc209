//! [`Printer`]: the one place that decides what reaches the terminal. Results go to stdout, everything else to
//! stderr; progress appears only if stderr is a terminal and `--quiet` is not given.
//!
//! Nearly every text holds words of somebody else: an image, a registry, a container. So nothing leaves this place that
//! a terminal or a runner of CI jobs acts on, and no line on stderr begins with such words.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CliError;
use crate::report::{for_log, plain};

/// Indentation of the further lines of a message.
const CONTINUED: &str = "  | ";

/// Messages on stderr and the result on stdout, as `--quiet` and the terminal allow.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    bars: MultiProgress,
    quiet: bool,
}

impl Printer {
    /// `quiet` leaves results, warnings and errors only.
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet || !io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self {
            bars: MultiProgress::with_draw_target(target),
            quiet,
        }
    }

    /// A stage with a spinner; it vanishes when the [`ShownStage`] is dropped.
    pub(crate) fn stage(&self, name: &'static str) -> ShownStage {
        let style = ProgressStyle::with_template("{spinner} {prefix:<9} {wide_msg} {elapsed:>5}");
        let bar = ProgressBar::new_spinner()
            .with_prefix(name)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let bar = self.bars.add(bar);
        bar.enable_steady_tick(Duration::from_millis(100));
        ShownStage { bar }
    }

    /// The result, on stdout. A reader that has gone away is no error.
    pub(crate) fn result(&self, text: &str) -> io::Result<()> {
        let text = for_log(text);
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            }
        })
    }

    /// A note on stderr, unless `--quiet`.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet {
            self.message(text);
        }
    }

    /// A warning on stderr, always.
    pub(crate) fn warning(&self, message: impl Display, hint: Option<&str>) {
        self.message(format_args!("warning: {message}"));
        if let Some(hint) = hint {
            self.message(format_args!("hint: {hint}"));
        }
    }

    /// Why the program ends, on stderr, always.
    pub(crate) fn error(&self, error: &CliError) {
        for message in error.messages() {
            self.message(message);
        }
    }

    /// A message on stderr, always. It begins with a word of this program.
    pub(crate) fn message(&self, text: impl Display) {
        let text = message(&text.to_string());
        self.bars.suspend(|| {
            // Nothing is left to tell anybody when stderr itself is gone.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        });
    }
}

/// A message as it is printed, with the end of its last line.
pub(crate) fn message(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 1);
    for (number, line) in text.lines().enumerate() {
        if number > 0 && !line.starts_with(CONTINUED) {
            lines.push_str(CONTINUED);
        }
        lines.push_str(line);
        lines.push('\n');
    }
    for_log(&lines).into_owned()
}

/// The log of this program: stderr, one line for each event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogWriter;

impl Write for LogWriter {
    /// Takes a whole event, as `tracing_subscriber` gives it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(logged(event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// An event of the log on one line.
fn logged(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    let line = format!("{}\n", plain(text.trim_end_matches('\n')));
    for_log(&line).into_owned()
}

/// A running stage on the terminal.
#[derive(Debug)]
pub(crate) struct ShownStage {
    bar: ProgressBar,
}

impl ShownStage {
    /// Shows what the stage is at.
    pub(crate) fn at(&self, message: impl Into<String>) {
        self.bar.set_message(plain(&message.into()).into_owned());
    }
}

impl Drop for ShownStage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_begins_with_its_text() {
        let text =
            "error: start the container: \"a\u{202e}b\"\n::error::x\r\n  | last words\n\u{1b}[2J";
        assert_eq!(
            message(text),
            "error: start the container: \"a\\u{202e}b\"\n  | ::error::x\n  | last words\n  | \\x1b[2J\n"
        );
    }

    #[test]
    fn an_event_of_the_log_is_one_line() {
        let event = b"INFO a\n::error::b ##[add-mask]c\n";
        assert_eq!(logged(event), "INFO a\\x0a::error::b #\\x23[add-mask]c\n");
    }
}
