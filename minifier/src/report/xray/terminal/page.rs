//! [`TerminalPage`]: lines, headings and fields within the width of a terminal.

use super::super::text::{plain, wrap};

/// Columns if nobody knows how wide the terminal is.
pub const DEFAULT_WIDTH: usize = 80;

/// Tables are unreadable in less; a narrower terminal breaks the lines itself.
const LEAST_WIDTH: usize = 60;

/// Wider lines are hard to read.
const MOST_WIDTH: usize = 160;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Details {
    /// The summary, the gate, and what to do in a line each.
    Brief,
    /// All sections, the largest items of each.
    Normal,
    /// Every item of every section.
    Full,
}

impl Details {
    /// How many of `some` items [`Self::Normal`] shows; all of them with [`Self::Full`].
    pub(crate) fn limit(self, some: usize) -> usize {
        if self == Self::Full { usize::MAX } else { some }
    }
}

/// A page that is being written.
pub(crate) struct TerminalPage {
    pub(crate) out: String,
    pub(crate) width: usize,
    pub(crate) details: Details,
}

impl TerminalPage {
    pub(crate) fn new(width: usize, details: Details) -> Self {
        Self {
            out: String::new(),
            width: width.clamp(LEAST_WIDTH, MOST_WIDTH),
            details,
        }
    }

    /// One line; `text` must be safe.
    pub(crate) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// An empty line and the name of a section.
    pub(crate) fn heading(&mut self, text: &str) {
        self.out.push('\n');
        self.line(&text.to_uppercase());
    }

    /// A name and a value, which goes on below itself where it is long.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.hanging(&format!("{name:<11}"), value);
    }

    /// `text` after `first`; further lines are indented as far as `first` is wide.
    pub(crate) fn hanging(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let lines = wrap(&plain(text), self.width.saturating_sub(indent));
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                self.line(&format!("{first}{line}"));
            } else {
                self.line(&format!("{:indent$}{line}", ""));
            }
        }
    }

    /// Says that there is more than was shown.
    pub(crate) fn more(&mut self, shown: usize, all: usize, noun: &str) {
        if all > shown {
            self.line(&format!("  and {} more {noun} (--details)", all - shown));
        }
    }
}
