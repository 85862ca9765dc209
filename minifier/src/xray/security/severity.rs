//! How bad a secret is: by its rule, then by whose the file is.

use super::patterns::{Confidence, SecretKind, SecretMatch};
use super::places::Place;
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

/// How bad a secret in a file is; `None` if it is everybody's. `owned` says whether a package of the distribution brings
/// the file, wherever it lies.
pub(super) fn severity(secret: &SecretMatch, place: Place, owned: bool) -> Option<Severity> {
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
        (Place::Own, _) if owned && secret.rule == "config-secret" => return None,
        (Place::Own, _) => Severity::Error,
        // Nothing else looks like it: somebody may have put a live one there.
        (Place::Sample | Place::Published, Confidence::High) => Severity::Warning,
        (Place::Sample, Confidence::Medium) => Severity::Note,
        (Place::Published, Confidence::Medium) => return None,
    };
    Some(by_rule.min(by_kind).min(by_place))
}
