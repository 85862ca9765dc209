//! Logins that command-line tools keep in files of their own, which their names or their texts give away.

use regex::bytes::Regex;

use super::lines::LineCounter;
use super::patterns::{
    MAX_FINDINGS, SecretConfidence, SecretKind, SecretMatch, is_placeholder, masked,
};
use super::values::is_reference;
use crate::rootfs::ImagePath;

/// A secret of a file with a well-known name or content: the first group of the form.
pub(crate) struct NamedRule {
    rule: &'static str,
    what: &'static str,
    form: &'static str,
}

impl NamedRule {
    pub(crate) fn find(&self, text: &[u8]) -> impl Iterator<Item = SecretMatch> + use<> {
        // Compiled when it is needed: few images have any of these files, and there are many rules.
        let form = Regex::new(&format!("(?-u){}", self.form))
            .unwrap_or_else(|e| unreachable!("the form of {} is a pattern: {e}", self.rule));
        let mut lines = LineCounter::new(text);
        let mut found = Vec::new();
        for groups in form.captures_iter(text).take(MAX_FINDINGS) {
            let Some(value) = groups.get(1) else { continue };
            // `_authToken=${NPM_TOKEN}` is what the documentation recommends.
            let known = std::str::from_utf8(value.as_bytes()).is_ok_and(is_reference);
            if !known && !is_placeholder(value.as_bytes()) {
                found.push(SecretMatch {
                    rule: self.rule,
                    kind: SecretKind::Credential,
                    confidence: SecretConfidence::High,
                    line: Some(lines.at(value.start())),
                    what: self.what,
                    masked: masked(value.as_bytes(), 0),
                    mark: None,
                });
            }
        }
        found.into_iter()
    }
}

const fn rule(rule: &'static str, what: &'static str, form: &'static str) -> NamedRule {
    NamedRule { rule, what, form }
}

/// A file that a tool keeps logins in.
struct Login {
    /// Words that are all in its text.
    words: &'static [&'static str],
    /// The secret in it.
    rule: NamedRule,
}

/// Sources: the Kubernetes reference of `kubeconfig (v1)`; Google's "How Application Default Credentials works"; the
/// token caches of MSAL and of the older `az`; the GitHub CLI's manual.
const BY_TEXT: &[Login] = &[
    Login {
        // Three words, since each alone is common: `kubectl` finds the file by a variable, so it has no fixed name.
        words: &["clusters", "users", "current-context"],
        rule: rule(
            "kubeconfig",
            "login of a kubeconfig",
            r#"(?m)^[\s{",-]*["']?(?:token|password|id-token|refresh-token|client-secret)["']?\s*:\s*["']?([^\s"',}]{6,})"#,
        ),
    },
    Login {
        words: &["\"authorized_user\"", "\"refresh_token\""],
        rule: rule(
            "gcloud-credentials",
            "login of Google Cloud",
            r#""refresh_token"\s*:\s*"([^"]{16,})""#,
        ),
    },
    Login {
        words: &["\"RefreshToken\"", "\"AccessToken\""],
        rule: rule(
            "azure-tokens",
            "login of Azure",
            r#""secret"\s*:\s*"([^"]{16,})""#,
        ),
    },
    Login {
        words: &["\"refreshToken\"", "\"tokenType\""],
        rule: rule(
            "azure-tokens",
            "login of Azure",
            r#""refreshToken"\s*:\s*"([^"]{16,})""#,
        ),
    },
    Login {
        words: &["github.com:", "oauth_token:"],
        rule: rule(
            "github-cli",
            "login of the GitHub CLI",
            r"(?m)^\s*oauth_token:\s*(\S{16,})",
        ),
    },
];

/// The rule for a file with a well-known name.
pub(crate) fn by_name(path: &ImagePath) -> Option<NamedRule> {
    let bytes = path.as_bytes();
    let found = match path.file_name() {
        b".netrc" | b"_netrc" => rule("netrc", "password of a .netrc", r"\bpassword\s+(\S{3,})"),
        b".pgpass" | b"pgpass.conf" => rule(
            "pgpass",
            "password of a .pgpass",
            r"(?m)^[^#:\n]+:[^:\n]*:[^:\n]*:[^:\n]*:(\S{3,})",
        ),
        b".npmrc" => rule(
            "npmrc",
            "token of an .npmrc",
            r"(?m)^[^#;\n]*(?:_authToken|_auth|_password)[ \t]*=[ \t]*(\S{8,})",
        ),
        b".pypirc" => rule(
            "pypirc",
            "password of a .pypirc",
            r"(?m)^[ \t]*password[ \t]*[=:][ \t]*(\S{4,})",
        ),
        b"config.json" if bytes.ends_with(b"/.docker/config.json") => rule(
            "docker-config",
            "registry login of a Docker config",
            r#""(?:auth|identitytoken|registrytoken)"\s*:\s*"([^"\s]{4,})""#,
        ),
        b".dockercfg" | b".dockerconfigjson" => rule(
            "docker-config",
            "registry login of a Docker config",
            r#""auth"\s*:\s*"([^"\s]{4,})""#,
        ),
        b"credentials" if bytes.ends_with(b"/.aws/credentials") => rule(
            "aws-credentials",
            "secret key of an AWS credentials file",
            r"(?m)^[ \t]*aws_secret_access_key[ \t]*=[ \t]*(\S{20,})",
        ),
        b".htpasswd" => rule(
            "htpasswd",
            "password hash of an .htpasswd",
            r"(?m)^[^:#\s]+:(\$apr1\$\S+|\$2[aby]\$\S+|\{SHA\}\S+)",
        ),
        b".boto" | b".s3cfg" => rule(
            "storage-credentials",
            "key of a storage service",
            r"(?m)^[ \t]*(?:gs_oauth2_refresh_token|gs_secret_access_key|secret_key|aws_secret_access_key)[ \t]*=[ \t]*(\S{16,})",
        ),
        b".my.cnf" | b".mylogin.cnf" => rule(
            "mysql-password",
            "password of a MySQL client",
            r#"(?m)^[ \t]*password[ \t]*=[ \t]*["']?([^\s"']{4,})"#,
        ),
        b"credentials" | b"credentials.toml" if has(bytes, b"/.cargo/") => rule(
            "cargo-token",
            "token of a registry of crates",
            r#"(?m)^[ \t]*token[ \t]*=[ \t]*"([^"]{16,})""#,
        ),
        b"credentials" if has(bytes, b"/.gem/") => rule(
            "gem-key",
            "key of a registry of gems",
            r"(?m)^:[a-z_]*api_key:[ \t]*(\S{16,})",
        ),
        b"master.key" if bytes.ends_with(b"/config/master.key") => rule(
            "rails-master-key",
            "key of Rails' credentials",
            r"\A([0-9a-f]{32})\s*\z",
        ),
        b".vault-token" => rule("vault-token", "token of Vault", r"\A(\S{20,})\s*\z"),
        b"settings.xml" | b"settings-security.xml" if has(bytes, b"/.m2/") => rule(
            "maven-password",
            "password of Maven's settings",
            r"<(?:password|passphrase)>([^<{$]{4,})</",
        ),
        _ => return None,
    };
    Some(found)
}

/// The rules for files that their text gives away, whatever their names.
pub(crate) fn by_text(text: &[u8]) -> impl Iterator<Item = &'static NamedRule> + '_ {
    BY_TEXT
        .iter()
        .filter(|login| login.words.iter().all(|word| has(text, word.as_bytes())))
        .map(|login| &login.rule)
}

fn has(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}
