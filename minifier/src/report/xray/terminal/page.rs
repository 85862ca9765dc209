//! [`TerminalPage`]: lines, headings and fields within the width of a terminal.

use super::super::text::{plain, wrap};

/// Columns if the width of the terminal is not known, as in a pipe.
pub const DEFAULT_WIDTH: usize = 80;

/// Tables are unreadable in less; a narrower terminal breaks the lines itself.
const LEAST_WIDTH: usize = 60;

/// Wider lines are hard to read.
const MOST_WIDTH: usize = 160;

/// Level of detail of the report for the terminal.
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
    /// Number of items to show: `some`, or all of them with [`Self::Full`].
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
            // A pseudo-terminal without a size reports 0 columns.
            width: width.clamp(LEAST_WIDTH, MOST_WIDTH),
            details,
        }
    }

    /// Adds one line; `text` has no character that a terminal acts on.
    pub(crate) fn line(&mut self, text: &str) {
        // Tables pad their last column, and trailing blanks wrap in narrow terminals.
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// An empty line and the name of a section.
    pub(crate) fn heading(&mut self, text: &str) {
        self.out.push('\n');
        self.line(&text.to_uppercase());
    }

    /// A name and a value. A long value continues in the next line, below its start.
    pub(crate) fn field(&mut self, name: &str, value: &str) {
        self.hanging(&format!("{name:<11}"), value);
    }

    /// `text` after `first`; further lines are indented as far as `first` is wide.
    pub(crate) fn hanging(&mut self, first: &str, text: &str) {
        // Only texts of this program come first, which are one column a character.
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
