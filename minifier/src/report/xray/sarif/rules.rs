//! Every kind of finding as a rule, with its help.

use serde_json::{Value, json};

use super::super::text::identifier;
use crate::xray::model::FindingKind;

/// All kinds; the place in this list is the rule's index.
pub(crate) const KINDS: [FindingKind; 15] = [
    FindingKind::PrivateKey,
    FindingKind::Credential,
    FindingKind::SecretInEnvironment,
    FindingKind::SecretInHistory,
    FindingKind::Setuid,
    FindingKind::Setgid,
    FindingKind::FileCapabilities,
    FindingKind::WorldWritable,
    FindingKind::ExpiredCertificate,
    FindingKind::ExpiringCertificate,
    FindingKind::RunsAsRoot,
    FindingKind::NoHealthcheck,
    FindingKind::PackageManager,
    FindingKind::BrokenBinary,
    FindingKind::WeakBinary,
];

/// Texts of a rule: a title, advice, and GitHub's severity from 0 to 10 if it is about security.
struct Text {
    title: &'static str,
    help: &'static str,
    security_severity: Option<&'static str>,
}

const fn security(title: &'static str, help: &'static str, severity: &'static str) -> Text {
    Text {
        title,
        help,
        security_severity: Some(severity),
    }
}

fn text(kind: FindingKind) -> Text {
    match kind {
        FindingKind::PrivateKey => security(
            "A private key ships with the image",
            "Whoever can pull the image has the key. Take it out of the build context with .dockerignore, mount it with `RUN --mount=type=secret`, and replace the key: removing the file in a later layer leaves it in the earlier one.",
            "9.1",
        ),
        FindingKind::Credential => security(
            "A credential ships with the image",
            "Whoever can pull the image can use it. Hand it over at run time, and replace it: removing the file in a later layer leaves it in the earlier one.",
            "9.1",
        ),
        FindingKind::SecretInEnvironment => security(
            "The environment of the config holds a secret",
            "The config is readable for whoever can pull the image. Set the variable when the container starts, and replace the secret.",
            "8.2",
        ),
        FindingKind::SecretInHistory => security(
            "The history holds a secret",
            "Values of ARG and of commands stay in the history. Use `RUN --mount=type=secret`, and replace the secret.",
            "8.2",
        ),
        FindingKind::Setuid => security(
            "A program runs with the rights of its owner",
            "Where the container does not need it, clear the bit (`chmod u-s`) or remove the program in the layer that brings it, or run with no-new-privileges.",
            "4.0",
        ),
        FindingKind::Setgid => security(
            "A program runs with the rights of its group",
            "Where the container does not need it, clear the bit (`chmod g-s`) or remove the program in the layer that brings it, or run with no-new-privileges.",
            "3.5",
        ),
        FindingKind::FileCapabilities => security(
            "A program has file capabilities",
            "Where the container does not need them, remove them (`setcap -r`) in the layer that brings the program.",
            "3.5",
        ),
        FindingKind::WorldWritable => security(
            "Everybody may write a file or directory",
            "Give it an owner and take the bit away (`chmod o-w`), or set the sticky bit on a directory that is meant to be shared.",
            "4.0",
        ),
        FindingKind::ExpiredCertificate => security(
            "A certificate has expired",
            "Connections that are checked against it fail. Renew it, and mount it rather than building it in.",
            "5.3",
        ),
        FindingKind::ExpiringCertificate => security(
            "A certificate expires soon",
            "Renew it before it does, and mount it rather than building it in.",
            "3.0",
        ),
        FindingKind::RunsAsRoot => security(
            "The container runs as root",
            "Make a user in the Dockerfile and name it with USER, by its number.",
            "5.0",
        ),
        FindingKind::NoHealthcheck => Text {
            title: "Ports are exposed, and there is no HEALTHCHECK",
            help: "Say with HEALTHCHECK how to tell that the service works, or have the orchestrator ask it.",
            security_severity: None,
        },
        FindingKind::PackageManager => security(
            "A package manager is left in",
            "Whoever gets in can install tools. Build in a stage of its own and copy the result to a base without one.",
            "2.0",
        ),
        FindingKind::BrokenBinary => Text {
            title: "A program needs a library that is not there",
            help: "It cannot start. Install the library, or remove the program.",
            security_severity: None,
        },
        FindingKind::WeakBinary => security(
            "A program lacks the usual hardening",
            "Compile it with `-fPIE -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack` or the equivalent of its language.",
            "3.0",
        ),
    }
}

/// The rules of the driver, in the order of [`KINDS`].
pub(crate) fn rules() -> Vec<Value> {
    KINDS.iter().map(|&kind| rule(kind)).collect()
}

fn rule(kind: FindingKind) -> Value {
    let text = text(kind);
    let id = identifier(&kind);
    let name: String = id
        .split('-')
        .flat_map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(chars)
        })
        .collect();
    let mut properties = json!({ "precision": "high", "tags": ["container"] });
    // GitHub shows a rule with this property and tag as a security alert, with the severity in words.
    if let Some(severity) = text.security_severity {
        properties["security-severity"] = severity.into();
        properties["tags"] = json!(["container", "security"]);
    }
    json!({
        "id": id,
        "name": name,
        "shortDescription": { "text": text.title },
        "fullDescription": { "text": text.title },
        "help": {
            "text": text.help,
            "markdown": format!("**{}.** {}", text.title, text.help),
        },
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_pascal_case_and_every_rule_has_help() {
        assert_eq!(rules()[2]["name"], "SecretInEnvironment");
        for rule in rules() {
            assert!(
                rule["help"]["text"].as_str().is_some_and(|t| t.len() > 30),
                "{rule}"
            );
        }
    }
}
