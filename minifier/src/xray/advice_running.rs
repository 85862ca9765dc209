//! Advice that is about more than bytes: how the container runs, and what it must not carry.

use super::advice::{Grounds, recommendation};
use super::model::{Finding, FindingKind, Recommendation, Severity};

impl Grounds<'_> {
    /// Advice on how the container runs: its user, its health check, its first process.
    pub(crate) fn behaviour(&self) -> Vec<Recommendation> {
        let mut all = Vec::new();
        if self.security.runs_as_root {
            let user = match self.config.user() {
                "" => "the config names no user".to_owned(),
                user => format!("the config names the user {user}"),
            };
            all.push(recommendation(
                "non-root-user",
                "Run as a user other than root",
                vec![user],
                "RUN useradd --system --uid 10001 app\nUSER 10001",
            ));
        }
        let lacks = |kind| {
            self.security
                .findings
                .iter()
                .find(|finding: &&Finding| finding.kind == kind)
        };
        if let Some(finding) = lacks(FindingKind::NoHealthcheck) {
            all.push(recommendation(
                "healthcheck",
                "Say how to tell that it works",
                vec![finding.message.clone()],
                "HEALTHCHECK --interval=30s --timeout=3s CMD [\"/PROGRAM\", \"--health\"]",
            ));
        }
        let shell = self.started.first().filter(|first| {
            matches!(
                first.word.rsplit('/').next(),
                Some("sh" | "bash" | "ash" | "dash")
            ) || first.path.file_name().ends_with(b".sh")
        });
        let inits = ["tini", "dumb-init", "catatonit", "docker-init"];
        // The shell below an init program is an ordinary process: signals and orphans are taken care of.
        let has_init = self.started.iter().any(|s| {
            inits
                .iter()
                .any(|init| s.path.file_name() == init.as_bytes())
        });
        // `sh -c "program"` keeps the shell as process 1; a script with `exec` does not, and which one it is only its
        // text says.
        let inline = self
            .config
            .entrypoint()
            .iter()
            .chain(self.config.cmd())
            .any(|word| word == "-c");
        if let Some(first) = shell.filter(|_| !has_init && inline) {
            all.push(recommendation(
                "tini",
                "Let an init program be process 1, or start the program without a shell",
                vec![format!("{} is process 1: it passes no signal on and reaps no orphan that it does not know", first.word)],
                "RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"PROGRAM\"]",
            ));
        }
        all
    }

    /// Keys and credentials that ship.
    pub(crate) fn secrets(&self) -> Option<Recommendation> {
        let evidence: Vec<String> = self
            .security
            .findings
            .iter()
            // Warnings may be samples; asking to change those would make people ignore the advice.
            .filter(|finding| finding.kind.is_secret() && finding.severity == Severity::Error)
            .take(5)
            .map(|f| f.message.clone())
            .collect();
        (!evidence.is_empty()).then(|| {
            recommendation(
                "mount-secrets",
                "Take secrets from mounts, and change those that have shipped",
                evidence,
                "RUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) ./fetch",
            )
        })
    }
}
