//! [`CliError`]: what went wrong, as the person at the terminal sees it: an exit code, a chain of causes, a hint.

use super::exit::Exit;
use crate::rootfs::shorten;

/// An error with the exit code it ends the program with.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    /// The error: a fragment that begins with a verb and reads well after "failed to".
    pub(crate) source: anyhow::Error,
    /// A way to mend it.
    pub(crate) hint: Option<String>,
    /// Outputs that were there already when it went wrong, and stay.
    pub(crate) written: Vec<String>,
}

impl CliError {
    /// An error without a hint.
    pub(crate) fn new(exit: Exit, source: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            source: source.into(),
            hint: None,
            written: Vec::new(),
        }
    }

    /// The user gave up. The signal handler knows which signal it was, and reports it.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, anyhow::anyhow!("interrupted"))
    }

    /// The outputs that were written before the error; `None` if there were none.
    pub(crate) fn written_before(&self) -> Option<String> {
        (!self.written.is_empty())
            .then(|| format!("written before that: {}", self.written.join(", ")))
    }

    /// The same with a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl CliError {
    /// The same error, its texts rewritten: those of its causes and the hint.
    pub(crate) fn rewrite(&mut self, rewrite: impl Fn(&str) -> String) {
        let mut texts: Vec<String> = self.source.chain().map(ToString::to_string).collect();
        let first = texts.pop().unwrap_or_default();
        let source = anyhow::Error::msg(rewrite(&first));
        self.source = texts
            .iter()
            .rev()
            .fold(source, |error, text| error.context(rewrite(text)));
        if let Some(hint) = &mut self.hint {
            *hint = rewrite(hint);
        }
    }

    /// The error with its causes, the hint and what was written before, each a message of its own.
    pub(crate) fn messages(&self) -> impl Iterator<Item = String> {
        let mut message = format!("error: failed to {}", shorten(&self.source.to_string()));
        let mut last = self.source.to_string();
        for cause in self.source.chain().skip(1).map(ToString::to_string) {
            // Most errors of the library end with what their cause says.
            if !last.ends_with(&cause) {
                message.push_str(&format!(": {}", shorten(&cause)));
                last = cause;
            }
        }
        let hint = self.hint.as_ref().map(|hint| format!("hint: {hint}"));
        let written = self
            .written_before()
            .map(|written| format!("note: {written}"));
        [Some(message), hint, written].into_iter().flatten()
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
    fn every_text_of_an_error_is_rewritten() {
        let source = anyhow::anyhow!("c-secret").context("b").context("a-secret");
        let mut error = CliError::new(Exit::OutputFailed, source).hint("x-secret");
        error.rewrite(|text| text.replace("secret", "***"));
        let messages: Vec<String> = error.messages().collect();
        assert_eq!(
            messages,
            ["error: failed to a-***: b: c-***", "hint: x-***"]
        );
        assert_eq!(error.exit, Exit::OutputFailed);
    }

    #[test]
    fn outputs_written_before_the_error_are_named() {
        let error = CliError::new(Exit::OutputFailed, anyhow::anyhow!("push x"));
        assert!(error.messages().eq(["error: failed to push x"]));
        let error = CliError {
            written: vec!["oci:a".into(), "docker-archive:b".into()],
            ..error.hint("try again")
        };
        assert!(error.messages().eq([
            "error: failed to push x",
            "hint: try again",
            "note: written before that: oci:a, docker-archive:b"
        ]));
    }
}
