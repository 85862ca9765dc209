//! [`Hiding`]: secrets of the image and of the user, hidden in all that a build says.

use std::borrow::Cow;

use super::options::Options;
use crate::cli::error::CliError;
use crate::image::ImageConfig;
use crate::probe::{Answer, ProbeReport, ReadyBy};
use crate::report::Report;
use crate::xray::Masker;

/// Hides secrets, unless the user wants to see them.
#[derive(Debug, Clone)]
pub(crate) struct Hiding {
    masker: Option<Masker>,
}

impl Hiding {
    /// For an image with this config, run as the user says.
    pub(crate) fn new(options: &Options, config: &ImageConfig) -> Self {
        Self {
            masker: (!options.show_secrets).then(|| Masker::new(config, &options.run.env)),
        }
    }

    /// A line of output, a request, a command.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.masker {
            Some(masker) => Cow::Owned(masker.text(text)),
            None => Cow::Borrowed(text),
        }
    }

    /// Why the build ended: the last lines of the container are in it.
    pub(crate) fn error(&self, mut error: CliError) -> CliError {
        if self.masker.is_some() {
            error.rewrite(|text| self.text(text).into_owned());
        }
        error
    }

    /// Hides secrets in the parts of the report that quote the config, the user and the container.
    pub(crate) fn report(&self, report: &mut Report) {
        let Some(masker) = &self.masker else { return };
        masker.config(&mut report.image.config);
        masker.config(&mut report.result.config);
        probe(&mut report.probe, masker);
        let hide = |text: &mut String| *text = masker.text(text);
        for warning in &mut report.warnings {
            hide(&mut warning.message);
            warning.hint.iter_mut().for_each(hide);
        }
    }
}

fn probe(report: &mut ProbeReport, masker: &Masker) {
    let hide = |text: &mut String| *text = masker.text(text);
    if let ReadyBy::Log { line } = &mut report.readiness.by {
        hide(line);
    }
    report.failures.iter_mut().for_each(hide);
    report.logs_tail.iter_mut().for_each(hide);
    for step in &mut report.steps {
        hide(&mut step.asked);
        step.error.iter_mut().for_each(hide);
        match &mut step.answered {
            Some(Answer::Command { output_tail, .. }) => output_tail.iter_mut().for_each(hide),
            Some(Answer::Http {
                location,
                redirects,
                ..
            }) => location.iter_mut().chain(redirects).for_each(hide),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::image::Digest;
    use crate::probe::{Readiness, StepKind, StepResult};

    #[test]
    fn where_an_answer_leads_shows_no_secret() {
        let url = |name: &str| format!("http://10.0.0.2/{name}?access_token=8f3a9c77d1");
        let mut report = ProbeReport {
            readiness: Readiness {
                by: ReadyBy::Listening,
                after: Duration::ZERO,
                listeners: Vec::new(),
            },
            ports: Vec::new(),
            unexercised: Vec::new(),
            steps: vec![StepResult {
                kind: StepKind::Http,
                asked: "GET /".into(),
                answered: Some(Answer::Http {
                    status: 302,
                    content_type: None,
                    location: Some(url("out")),
                    redirects: vec![url("in")],
                    bytes: 0,
                    truncated: false,
                    sha256: Digest::of(b""),
                }),
                duration: Duration::ZERO,
                ok: true,
                error: None,
            }],
            exit: None,
            stopped: None,
            failures: Vec::new(),
            logs_tail: Vec::new(),
        };
        probe(&mut report, &Masker::default());
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(json.matches("access_token=********").count(), 2, "{json}");
        assert!(!json.contains("8f3a9c77d1"), "{json}");
    }
}
