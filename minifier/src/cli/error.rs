//! [`CliError`]: what went wrong, as the person at the terminal sees it: an exit code, a chain of causes, a hint.

use std::fmt;

use super::exit::Exit;

/// An error with the exit code it ends the program with.
#[derive(Debug)]
pub(super) struct CliError {
    /// Exit code.
    pub(super) exit: Exit,
    /// What went wrong.
    pub(super) source: anyhow::Error,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl CliError {
    /// An error without a hint.
    pub(super) fn new(exit: Exit, source: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            source: source.into(),
            hint: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.source)?;
        let mut told = self.source.to_string();
        for cause in self.source.chain().skip(1).map(ToString::to_string) {
            // Most errors of the library end with what their cause says.
            if !told.ends_with(&cause) {
                write!(f, ": {cause}")?;
                told = cause;
            }
        }
        self.hint
            .iter()
            .try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl From<anyhow::Error> for CliError {
    fn from(source: anyhow::Error) -> Self {
        Self::new(Exit::Failure, source)
    }
}
