//! [`Printer`]: the one place that decides what reaches the terminal. Results go to stdout, everything else to
//! stderr; progress appears only where stderr is a terminal and `--quiet` is not given.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where messages go.
#[derive(Debug, Clone)]
pub(super) struct Printer {
    bars: MultiProgress,
    quiet: bool,
}

impl Printer {
    /// `quiet` leaves results, warnings and errors only.
    pub(super) fn new(quiet: bool) -> Self {
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

    /// A stage with a spinner; it vanishes when the [`Stage`] is dropped.
    pub(super) fn stage(&self, name: &'static str) -> Stage {
        let style = ProgressStyle::with_template("{spinner} {prefix:<9} {wide_msg} {elapsed:>5}");
        let bar = ProgressBar::new_spinner()
            .with_prefix(name)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let bar = self.bars.add(bar);
        bar.enable_steady_tick(Duration::from_millis(100));
        Stage { bar }
    }

    /// The result, on stdout. A reader that has gone away is no error.
    pub(super) fn result(&self, text: &str) -> io::Result<()> {
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => other,
            }
        })
    }

    /// A note on stderr, unless `--quiet`.
    pub(super) fn note(&self, text: impl Display) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// A warning on stderr, always.
    pub(super) fn warning(&self, message: impl Display, hint: Option<&str>) {
        self.stderr(format_args!("warning: {message}"));
        if let Some(hint) = hint {
            self.stderr(format_args!("hint: {hint}"));
        }
    }

    /// One line on stderr, always.
    pub(super) fn stderr(&self, text: impl Display) {
        self.bars.suspend(|| {
            // Nothing is left to tell anybody when stderr itself is gone.
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }
}

/// A running stage on the terminal.
#[derive(Debug)]
pub(super) struct Stage {
    bar: ProgressBar,
}

impl Stage {
    /// Shows what the stage is at.
    pub(super) fn at(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
