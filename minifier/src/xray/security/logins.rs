//! Logins that command-line tools keep in files of their own form: what the file is, its text says.

use super::secrets::NamedRule;
use crate::rootfs::ImagePath;

const fn rule(rule: &'static str, what: &'static str, form: &'static str) -> NamedRule {
    NamedRule { rule, what, form }
}

/// A file that a tool keeps logins in.
struct Login {
    /// Words that are all in its text.
    words: &'static [&'static str],
    /// What in it is secret.
    rule: NamedRule,
}

/// Sources: the Kubernetes reference of `kubeconfig (v1)`; Google's "How Application Default Credentials works"; the
/// token caches of MSAL and of the older `az`; the GitHub CLI's manual.
const BY_TEXT: &[Login] = &[
    Login {
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

/// Files whose name says what they hold.
pub(crate) fn by_name(path: &ImagePath) -> Option<NamedRule> {
    let bytes = path.as_bytes();
    let found = match path.file_name() {
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

/// Files that their text gives away, whatever they are called.
pub(crate) fn by_text(text: &[u8]) -> impl Iterator<Item = &'static NamedRule> + '_ {
    BY_TEXT
        .iter()
        .filter(|login| login.words.iter().all(|word| has(text, word.as_bytes())))
        .map(|login| &login.rule)
}

fn has(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}
