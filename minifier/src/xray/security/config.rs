//! Secrets in the environment of the config and in the history.

use crate::xray::detect::{
    SecretHit, command_secrets, hits, is_secret_variable, masked_command, url_password,
};

/// The text in place of a secret. Its length says nothing about that of the secret.
pub(crate) const MASK: &str = "********";

/// The kind of secret that an entry `NAME=value` holds; `None` if it holds none.
pub(crate) fn env_secret(entry: &str) -> Option<&'static str> {
    let (name, value) = entry.split_once('=')?;
    for hit in hits(value.as_bytes()) {
        if let SecretHit::Credential(pattern, ..) = hit {
            return Some(pattern.rule);
        }
    }
    // The form of a token is surer than a name, so it gives the rule.
    if is_secret_variable(name, value) {
        return Some("named-variable");
    }
    url_secret(value)
}

fn url_secret(value: &str) -> Option<&'static str> {
    let text = value.as_bytes();
    let has_password =
        |hit| matches!(hit, SecretHit::Url(at) if url_password(text, at, 0).is_some());
    hits(text).any(has_password).then_some("url-password")
}

/// The entry with a secret value masked.
pub(crate) fn masked_env(entry: &str) -> String {
    match (env_secret(entry), entry.split_once('=')) {
        (Some(_), Some((name, _))) => format!("{name}={MASK}"),
        _ => entry.to_owned(),
    }
}

/// Secrets of a step of the history: rules and the variables that hold them.
pub(crate) fn step_secrets(text: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for hit in hits(text.as_bytes()) {
        if let SecretHit::Credential(pattern, ..) = hit {
            found.push((pattern.rule, pattern.what.to_owned()));
        }
    }
    for secret in command_secrets(text) {
        found.push((secret.rule, secret.what.to_owned()));
    }
    for word in words(text) {
        if let Some((name, value)) = word.split_once('=') {
            // `--password=x` and `PASSWORD=x` are the same to the list of names.
            let name = name.trim_start_matches("--");
            let plain = !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if plain && is_secret_variable(name, value) && !is_substituted(value) {
                found.push(("named-variable", format!("value of {name}")));
            }
        }
        if url_secret(word).is_some() {
            found.push(("url-password", "password in an URL".to_owned()));
        }
    }
    // A word can fit several rules, and a step can have the same secret twice.
    found.sort();
    found.dedup();
    found
}

/// Whether something takes the place of a part of the value before a program sees it.
fn is_substituted(value: &str) -> bool {
    value.contains(['{', '<', '%'])
}

/// Words without their quotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '|' | '&' | '(' | ')' | ',')
    })
    .filter(|word| !word.is_empty())
}

/// A step with its secrets masked.
pub(crate) fn masked_step(text: &str) -> String {
    let text = &*masked_command(text, &command_secrets(text), MASK);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for word in words(text) {
        let secrets = step_secrets(word);
        let masked = match word.split_once('=') {
            Some((name, value)) if secrets.iter().any(|(rule, _)| *rule != "url-password") => {
                if value.is_empty() {
                    continue;
                }
                format!("{name}={MASK}")
            }
            _ if !secrets.is_empty() => MASK.to_owned(),
            _ => continue,
        };
        // Words are parts of the text, in order.
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        out.push_str(&text[at..start]);
        out.push_str(&masked);
        at = start + word.len();
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_secret_by_name_and_value() {
        for entry in [
            "POSTGRES_PASSWORD=hunter2",
            "API_TOKEN=8f3a9c",
            "DATABASE_URL=postgres://me:s3cr3t9x@db/x",
        ] {
            assert!(env_secret(entry).is_some(), "{entry}");
            assert!(masked_env(entry).ends_with("=********"));
        }
        for entry in [
            "PATH=/usr/bin",
            "POSTGRES_PASSWORD_FILE=/run/secrets/p",
            "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
            "PASSWORD=",
            "TOKEN_TTL=3600",
            "PYTHON_SHA256=cfa8",
            "ALLOW_EMPTY_PASSWORD=yes",
            "HOME=/root",
            "SECRET=$OTHER",
        ] {
            assert_eq!(env_secret(entry), None, "{entry}");
            assert_eq!(masked_env(entry), entry);
        }
    }

    #[test]
    fn steps_show_no_secret() {
        let step = "RUN /bin/sh -c TOKEN=8f3a9c77 ./fetch && curl https://me:s3cr3t9x@host/x";
        assert_eq!(step_secrets(step).len(), 2);
        assert_eq!(
            masked_step(step),
            "RUN /bin/sh -c TOKEN=******** ./fetch && curl ********"
        );
        let clean = "RUN /bin/sh -c apt-get install -y curl && echo $TOKEN && A=b make";
        assert_eq!(masked_step(clean), clean);
        let argument = "|1 NPM_TOKEN=abcd1234efgh /bin/sh -c npm ci";
        assert_eq!(
            masked_step(argument),
            "|1 NPM_TOKEN=******** /bin/sh -c npm ci"
        );
    }
}
