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
    /// Outputs that were there already when it went wrong, and stay.
    pub(super) written: Vec<String>,
}

impl CliError {
    /// An error without a hint.
    pub(super) fn new(exit: Exit, source: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            source: source.into(),
            hint: None,
            written: Vec::new(),
        }
    }

    /// The user gave up. The signal handler knows which signal it was, and tells.
    pub(super) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, anyhow::anyhow!("interrupted"))
    }

    /// What was written before it went wrong, where anything was.
    pub(super) fn written_before(&self) -> Option<String> {
        (!self.written.is_empty())
            .then(|| format!("written before that: {}", self.written.join(", ")))
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
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        match self.written_before() {
            Some(written) => write!(f, "\nnote: {written}"),
            None => Ok(()),
        }
    }
}

impl From<anyhow::Error> for CliError {
    fn from(source: anyhow::Error) -> Self {
        Self::new(Exit::Failure, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_is_told() {
        let error = CliError::new(Exit::OutputFailed, anyhow::anyhow!("push x"));
        assert_eq!(error.to_string(), "error: push x");
        let error = CliError {
            written: vec!["oci:a".into(), "docker-archive:b".into()],
            ..error.hint("try again")
        };
        assert_eq!(
            error.to_string(),
            "error: push x\nhint: try again\nnote: written before that: oci:a, docker-archive:b"
        );
    }
}
