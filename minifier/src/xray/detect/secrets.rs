//! Secrets in a text: tokens by their form, private keys, and logins in files with well-known names or contents.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use regex::bytes::Regex;

use super::commands::command_secrets;
use super::keys::private_key;
use super::lines::LineCounter;
use super::logins;
use super::names::is_secret_variable;
use super::patterns::{
    MAX_FINDINGS, SecretConfidence, SecretHit, SecretKind, SecretMatch, hits, is_placeholder, mark,
    masked,
};
use super::settings::settings;
use super::values::{is_default, is_reference};
use crate::rootfs::ImagePath;

/// Bytes of a script that are looked at.
const MAX_SCRIPT: usize = 256 << 10;

/// Secrets of a text, and whether it has certificates.
#[derive(Debug, Default)]
pub(crate) struct TextFindings {
    pub(crate) secrets: Vec<SecretMatch>,
    /// Whether it holds a certificate in PEM.
    pub(crate) certificates: bool,
}

/// Looks for secrets in the text of a file.
pub(crate) fn secrets(path: &ImagePath, text: &[u8]) -> TextFindings {
    let mut found = TextFindings::default();
    let mut lines = LineCounter::new(text);
    let configuration = is_configuration(path);
    for hit in hits(text) {
        if found.secrets.len() >= MAX_FINDINGS {
            break;
        }
        match hit {
            SecretHit::Certificate => found.certificates = true,
            SecretHit::PrivateKey(at) => found.secrets.extend(private_key(text, at, lines.at(at))),
            // Source code and documentation are full of example URLs; in configuration, one is used.
            SecretHit::Url(at) if configuration => {
                found.secrets.extend(url_password(text, at, lines.at(at)));
            }
            SecretHit::Url(_) => {}
            SecretHit::Credential(pattern, at, length) => {
                let firebase = pattern.rule == "google-api-key" && is_firebase(text, at);
                found.secrets.push(SecretMatch {
                    rule: if firebase {
                        "firebase-browser-key"
                    } else {
                        pattern.rule
                    },
                    kind: SecretKind::Credential,
                    confidence: SecretConfidence::High,
                    line: Some(lines.at(at)),
                    what: if firebase {
                        "browser key of Firebase"
                    } else {
                        pattern.what
                    },
                    masked: masked(&text[at..at + length], pattern.shown()),
                    mark: Some(mark(&text[at..at + length])),
                });
            }
        }
    }
    let mut more = Vec::new();
    if let Some(rule) = logins::by_name(path) {
        more.extend(rule.find(text));
    }
    if configuration {
        more.extend(logins::by_text(text).flat_map(|rule| rule.find(text)));
    }
    // Frameworks load `.env` without anybody naming it, so a value in it is in use.
    if is_env(path.file_name()) {
        more.extend(env_file(text));
    }
    more.extend(settings(path, text, configuration));
    if is_shell_script(text) {
        more.extend(script(text));
    }
    // A password on a line with a token is most likely the token, which is reported with more certainty.
    let reported: BTreeSet<Option<u64>> = found.secrets.iter().map(|secret| secret.line).collect();
    more.retain(|secret| {
        secret.confidence == SecretConfidence::High || !reported.contains(&secret.line)
    });
    found.secrets.extend(more);
    found.secrets.sort();
    found.secrets.dedup();
    found.secrets.truncate(MAX_FINDINGS);
    found
}

/// The credentials in a database file: its pages hold text.
pub(crate) fn database_secrets(bytes: &[u8]) -> Vec<SecretMatch> {
    let credential = |hit| match hit {
        SecretHit::Credential(pattern, at, length) => {
            let value = &bytes[at..at + length];
            Some(SecretMatch {
                rule: pattern.rule,
                kind: SecretKind::Credential,
                confidence: SecretConfidence::High,
                line: None,
                what: pattern.what,
                masked: masked(value, pattern.shown()),
                mark: Some(mark(value)),
            })
        }
        _ => None,
    };
    let mut found: Vec<SecretMatch> = hits(bytes)
        .filter_map(credential)
        .take(MAX_FINDINGS)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a key of Google stands in the settings of Firebase, which every browser gets.
fn is_firebase(text: &[u8], at: usize) -> bool {
    const AROUND: usize = 2048;
    const NAMES: [&[u8]; 7] = [
        b"authDomain",
        b"messagingSenderId",
        b"firebaseapp.com",
        b"firebaseio.com",
        b"mobilesdk_app_id",
        b"GOOGLE_APP_ID",
        b"measurementId",
    ];
    // Firebase's settings stand together, in source that is generated or minified.
    let window = &text[at.saturating_sub(AROUND)..text.len().min(at + AROUND)];
    NAMES
        .iter()
        .any(|name| memchr::memmem::find(window, name).is_some())
}

/// Whether a shell runs it.
fn is_shell_script(text: &[u8]) -> bool {
    let first = text.split(|&b| b == b'\n').next().unwrap_or_default();
    first.starts_with(b"#!") && first.trim_ascii_end().ends_with(b"sh")
}

/// The secrets on the command lines of a script.
fn script(text: &[u8]) -> Vec<SecretMatch> {
    let text = &text[..text.len().min(MAX_SCRIPT)];
    // Offsets have to stay those of the file, so the text ends at the first byte that is not UTF-8.
    let script = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut lines = LineCounter::new(text);
    let secrets = command_secrets(script);
    let secrets = secrets.iter().take(MAX_FINDINGS).map(|secret| SecretMatch {
        rule: secret.rule,
        kind: SecretKind::Credential,
        confidence: SecretConfidence::Medium,
        line: Some(lines.at(secret.range.start)),
        what: secret.what,
        masked: masked(&text[secret.range.clone()], 0),
        mark: None,
    });
    secrets.collect()
}

/// Files in which an URL with a password is one that is used.
fn is_configuration(path: &ImagePath) -> bool {
    let name = path.file_name();
    let extension = name.rsplit(|&b| b == b'.').next().unwrap_or_default();
    let known = matches!(
        extension,
        b"env"
            | b"ini"
            | b"yaml"
            | b"yml"
            | b"json"
            | b"toml"
            | b"cfg"
            | b"conf"
            | b"properties"
            | b"sh"
            | b"list"
            | b"kubeconfig"
    );
    known
        || is_env(name)
        || matches!(
            name,
            b".git-credentials" | b".pypirc" | b"pip.conf" | b"config" | b".yarnrc" | b"kubeconfig"
        )
}

/// `.env`, `.env.production`, `app.env`
fn is_env(name: &[u8]) -> bool {
    name == b".env" || name.starts_with(b".env.") || name.ends_with(b".env")
}

/// `scheme://user:password@host`, where `://` stands at `at`.
pub(crate) fn url_password(text: &[u8], at: usize, line: u64) -> Option<SecretMatch> {
    static FORM: OnceLock<Regex> = OnceLock::new();
    let form = FORM.get_or_init(|| {
        Regex::new(r#"(?-u)^://([^\s:@/'"<>(){}\\]{0,64}):([^\s@/'"<>(){}\\]{4,128})@([A-Za-z0-9.\[][A-Za-z0-9.:_\]-]*)"#)
            .unwrap_or_else(|e| unreachable!("the form of an URL is a pattern: {e}"))
    });
    // The scheme stands before the mark, which is what the one pass over the text looks for.
    let scheme = text[..at]
        .iter()
        .rev()
        .take(20)
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'+')
        .count();
    // Longer logins are not used, and each `://` would otherwise search the rest of the line.
    let window = &text[at..text.len().min(at + 512)];
    let groups = form.captures(window)?;
    let (user, password) = (groups.get(1)?.as_bytes(), groups.get(2)?.as_bytes());
    let host = groups.get(3)?.as_bytes();
    let example = memchr::memmem::find(host, b"example").is_some();
    let known = std::str::from_utf8(password)
        .is_ok_and(|password| is_default(password) || is_reference(password));
    // `postgres:postgres@` is a default that opens nothing which was meant to be closed.
    if scheme < 3
        || example
        || is_placeholder(password)
        || known
        || password.eq_ignore_ascii_case(user)
    {
        return None;
    }
    Some(SecretMatch {
        rule: "url-password",
        kind: SecretKind::Credential,
        confidence: SecretConfidence::Medium,
        line: Some(line),
        what: "password in an URL",
        masked: masked(password, 0),
        mark: None,
    })
}

/// Assignments of an environment file whose name says that the value is a secret.
fn env_file(text: &[u8]) -> impl Iterator<Item = SecretMatch> + '_ {
    let lines = text.split(|&b| b == b'\n').zip(1u64..);
    lines.filter_map(|(line, number)| {
        let line = std::str::from_utf8(line).ok()?.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        let secret = !name.starts_with('#') && is_secret_variable(name.trim(), value);
        (secret && value.len() >= 8 && !is_placeholder(value.as_bytes())).then(|| SecretMatch {
            rule: "env-secret",
            kind: SecretKind::Credential,
            confidence: SecretConfidence::High,
            line: Some(number),
            what: "secret of an environment file",
            masked: masked(value.as_bytes(), 0),
            mark: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, text: &str) -> Vec<String> {
        let found = secrets(&path.into(), text.as_bytes()).secrets;
        found
            .iter()
            .map(|s| format!("{}:{}", s.rule, s.line.unwrap_or(0)))
            .collect()
    }

    #[test]
    fn files_with_well_known_names_hold_logins() {
        for (path, text, expected) in [
            (
                "/root/.netrc",
                "machine a\nlogin b password hunter2hunter\n",
                "netrc:2",
            ),
            ("/root/.pgpass", "db:5432:*:me:Tr0ub4dor\n", "pgpass:1"),
            (
                "/root/.npmrc",
                "# x\n//r.org/:_authToken=8c1f-44aa-b5e2\n",
                "npmrc:2",
            ),
            (
                "/root/.docker/config.json",
                "{\"auths\":{\"r\":{\"auth\":\"bWU6aHVudGVyMg==\"}}}",
                "docker-config:1",
            ),
            ("/app/.env", "A=1\nDB_PASSWORD=t7Gh2kLp9\n", "env-secret:2"),
            (
                "/app/config.yaml",
                "db: postgres://me:s3cr3t9x@db/x\n",
                "url-password:1",
            ),
        ] {
            assert_eq!(find(path, text), [expected], "{path}");
        }
    }

    #[test]
    fn references_and_placeholders_are_no_secrets() {
        for (path, text) in [
            ("/root/.npmrc", "//r.org/:_authToken=${NPM_TOKEN}\n"),
            (
                "/app/.env",
                "DB_PASSWORD=\nTOKEN_URL=https://a/b\nSECRET_KEY=$OTHER\nPASSWORD=changeme\n",
            ),
            (
                "/app/config.yaml",
                "db: postgres://user:password@host/x\nx: http://${U}:${P}@h\n",
            ),
            ("/app/lib.py", "url = 'http://me:s3cr3t9x@db/x'\n"),
            ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ] {
            assert!(find(path, text).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let found = secrets(&"/app/.env".into(), b"DB_PASSWORD=t7Gh2kLp9\n").secrets;
        assert_eq!(found[0].masked, "… (9 characters)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_looked_through(
            name in "(\\.env|application\\.yml|settings\\.py|appsettings\\.json|x\\.sh|\\.netrc|config|a\\.toml)",
            text in "(#!/bin/sh\n)?([ -~\n\u{e9}]|password|token: |://|eyJ|curl -u |machine |\"|'|=){0,60}",
        ) {
            let _ = secrets(&format!("/app/{name}").as_str().into(), text.as_bytes());
            let _ = database_secrets(text.as_bytes());
        }
    }
}
