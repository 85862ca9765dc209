//! Severity of a secret: by its rule, then by the provenance of the file.

use super::provenance::Provenance;
use crate::xray::detect::{SecretConfidence, SecretKind, SecretMatch};
use crate::xray::model::Severity;

/// Rules of which what they find need not open anything, the most that each is worth. All others are errors.
const MILDER: [(&str, Severity); 4] = [
    // Whoever opens the page has it: the project's rules protect its data, not the key.
    ("firebase-browser-key", Severity::Note),
    // It may have expired.
    ("jwt", Severity::Warning),
    // A hash is not the password.
    ("htpasswd", Severity::Warning),
    // Its name alone says that it is a secret.
    ("config-secret", Severity::Warning),
];

/// The severity of a secret in a file; `None` if it is public. `owned` says whether a package of the distribution brings
/// the file, wherever it lies.
pub(crate) fn severity(secret: &SecretMatch, place: Provenance, owned: bool) -> Option<Severity> {
    let by_rule = MILDER
        .iter()
        .find(|(rule, _)| *rule == secret.rule)
        .map_or(Severity::Error, |(_, severity)| *severity);
    let by_kind = match secret.kind {
        SecretKind::PrivateKey { encrypted: true } => Severity::Warning,
        _ => Severity::Error,
    };
    let by_place = match (place, secret.confidence) {
        // A package's own defaults.
        (Provenance::Own, _) if owned && secret.rule == "config-secret" => return None,
        (Provenance::Own, _) => Severity::Error,
        // Nothing else looks like it: somebody may have put a live one there.
        (Provenance::Sample | Provenance::Published, SecretConfidence::High) => Severity::Warning,
        (Provenance::Sample, SecretConfidence::Medium) => Severity::Note,
        (Provenance::Published, SecretConfidence::Medium) => return None,
    };
    Some(by_rule.min(by_kind).min(by_place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xray::detect::secrets;

    /// As docs/secrets.md has it: for the author's own files, for samples, and for what others publish.
    #[test]
    fn logins_in_files_with_well_known_names_are_as_bad_as_tokens() {
        let by_place = |path: &str, text: &str| {
            let found = secrets(&path.into(), text.as_bytes()).secrets;
            assert_eq!(found.len(), 1, "{path}");
            [Provenance::Own, Provenance::Sample, Provenance::Published]
                .map(|place| severity(&found[0], place, false))
        };
        let well_known = [
            Some(Severity::Error),
            Some(Severity::Warning),
            Some(Severity::Warning),
        ];
        for (path, text) in [
            ("/a/.netrc", "machine a login b password t7Gh2kLp9"),
            ("/a/.env", "DB_PASS=t7Gh2kLp9"),
        ] {
            assert_eq!(by_place(path, text), well_known, "{path}");
        }
        for (path, text) in [
            ("/a/application.yml", "password: t7Gh2kLp9"),
            ("/a/x.conf", "postgres://me:t7Gh2kLp9@db/x"),
        ] {
            let all_else = [Some(Severity::Error), Some(Severity::Note), None];
            assert_eq!(by_place(path, text), all_else, "{path}");
        }
    }
}
