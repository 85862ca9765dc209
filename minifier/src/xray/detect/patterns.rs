//! Credentials that their form gives away, and placeholders of credentials.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::values::TO_CHANGE;
use crate::image::Sha256;

/// Findings of one file that are kept.
pub(crate) const MAX_FINDINGS: usize = 100;

/// A secret that was found; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretMatch {
    /// The rule: `aws-access-key`.
    pub(crate) rule: &'static str,
    pub(crate) kind: SecretKind,
    pub(crate) confidence: SecretConfidence,
    /// Line of the text, from 1; `None` in a binary file.
    pub(crate) line: Option<u64>,
    /// Its description for people.
    pub(crate) what: &'static str,
    /// Its length, after its first characters if these only say what kind of token it is.
    pub(crate) masked: String,
    /// A hash of it, which tells another secret at the same place from it; `None` if it is short enough to be guessed
    /// from the hash.
    pub(crate) mark: Option<u64>,
}

/// Kind of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecretKind {
    /// A private key; `encrypted` if a passphrase protects it.
    PrivateKey { encrypted: bool },
    /// A token, a password or another login.
    Credential,
}

/// Certainty that a match is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SecretConfidence {
    /// It could be an example if a public package has it.
    Medium,
    /// Nothing else looks like it.
    High,
}

/// A credential with a form of its own.
pub(crate) struct CredentialPattern {
    pub(crate) rule: &'static str,
    pub(crate) what: &'static str,
    /// The text that it starts with.
    literal: &'static str,
    /// All of it, anchored at the literal.
    form: &'static str,
}

const fn pattern(
    rule: &'static str,
    what: &'static str,
    literal: &'static str,
    form: &'static str,
) -> CredentialPattern {
    CredentialPattern {
        rule,
        what,
        literal,
        form,
    }
}

/// The beginning of `{"` in Base64.
const JWT: &str = "eyJ";

/// Sources: the vendors' documents on the formats of their tokens.
const PATTERNS: &[CredentialPattern] = &[
    pattern(
        "aws-access-key",
        "AWS access key",
        "AKIA",
        r"^AKIA[A-Z2-7]{16}\b",
    ),
    pattern(
        "aws-access-key",
        "temporary AWS access key",
        "ASIA",
        r"^ASIA[A-Z2-7]{16}\b",
    ),
    pattern(
        "github-token",
        "GitHub token",
        "ghp_",
        r"^ghp_[A-Za-z0-9]{36,255}\b",
    ),
    pattern(
        "github-token",
        "GitHub OAuth token",
        "gho_",
        r"^gho_[A-Za-z0-9]{36,255}\b",
    ),
    pattern(
        "github-token",
        "GitHub user token",
        "ghu_",
        r"^ghu_[A-Za-z0-9]{36,255}\b",
    ),
    pattern(
        "github-token",
        "GitHub server token",
        "ghs_",
        r"^ghs_[A-Za-z0-9]{36,255}\b",
    ),
    pattern(
        "github-token",
        "GitHub refresh token",
        "ghr_",
        r"^ghr_[A-Za-z0-9]{36,255}\b",
    ),
    pattern(
        "github-token",
        "GitHub fine-grained token",
        "github_pat_",
        r"^github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b",
    ),
    pattern(
        "gitlab-token",
        "GitLab token",
        "glpat-",
        r"^glpat-[A-Za-z0-9_-]{20,300}",
    ),
    pattern(
        "slack-token",
        "Slack token",
        "xoxb-",
        r"^xoxb-[0-9]{8,}-[0-9A-Za-z-]{12,}",
    ),
    pattern(
        "slack-token",
        "Slack token",
        "xoxp-",
        r"^xoxp-[0-9]{8,}-[0-9A-Za-z-]{12,}",
    ),
    pattern(
        "slack-token",
        "Slack app token",
        "xapp-",
        r"^xapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[0-9a-f]{32,}",
    ),
    pattern(
        "slack-webhook",
        "Slack webhook",
        "hooks.slack.com/services/",
        r"^hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}",
    ),
    pattern(
        "stripe-key",
        "Stripe live key",
        "sk_live_",
        r"^sk_live_[0-9A-Za-z]{20,247}\b",
    ),
    pattern(
        "stripe-key",
        "Stripe restricted live key",
        "rk_live_",
        r"^rk_live_[0-9A-Za-z]{20,247}\b",
    ),
    pattern("npm-token", "npm token", "npm_", r"^npm_[A-Za-z0-9]{36}\b"),
    pattern(
        "pypi-token",
        "PyPI token",
        "pypi-AgE",
        r"^pypi-AgE[A-Za-z0-9_-]{50,}",
    ),
    pattern(
        "google-api-key",
        "Google API key",
        "AIza",
        r"^AIza[0-9A-Za-z_-]{35}(?:[^0-9A-Za-z_-]|$)",
    ),
    pattern(
        "sendgrid-key",
        "SendGrid key",
        "SG.",
        r"^SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b",
    ),
    pattern(
        "anthropic-key",
        "Anthropic key",
        "sk-ant-",
        r"^sk-ant-[a-z0-9]{3,}-[0-9A-Za-z_-]{40,}",
    ),
    pattern(
        "openai-key",
        "OpenAI key",
        "sk-proj-",
        r"^sk-proj-[0-9A-Za-z_-]{40,}",
    ),
    pattern(
        "age-key",
        "age secret key",
        "AGE-SECRET-KEY-1",
        r"^AGE-SECRET-KEY-1[0-9A-Z]{58}\b",
    ),
    pattern(
        "azure-account-key",
        "key of an Azure storage account",
        "AccountKey=",
        r"^AccountKey=[A-Za-z0-9+/]{86}==",
    ),
    pattern(
        "azure-shared-access-key",
        "shared access key of Azure",
        "SharedAccessKey=",
        r"^SharedAccessKey=[A-Za-z0-9+/]{43}=",
    ),
    pattern(
        "google-oauth-token",
        "refresh token of Google",
        "1//0",
        r"^1//0[0-9A-Za-z_-]{40,}",
    ),
    pattern(
        "google-oauth-token",
        "access token of Google",
        "ya29.",
        r"^ya29\.[0-9A-Za-z_-]{40,}",
    ),
    pattern(
        "google-client-secret",
        "client secret of Google",
        "GOCSPX-",
        r"^GOCSPX-[0-9A-Za-z_-]{28}\b",
    ),
    pattern(
        "kubeconfig-key",
        "client key of a kubeconfig",
        "client-key-data",
        // `LS0tLS1CRUdJTi` is `-----BEGIN`.
        r#"^client-key-data["']?\s*:\s*["']?LS0tLS1CRUdJTi[A-Za-z0-9+/=]{60,}"#,
    ),
    pattern(
        "jwt",
        "JSON web token",
        JWT,
        r"^eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{30,}",
    ),
    pattern(
        "huggingface-token",
        "Hugging Face token",
        "hf_",
        r"^hf_[A-Za-z]{34}\b",
    ),
    pattern(
        "vault-token",
        "token of Vault",
        "hvs.",
        r"^hvs\.[A-Za-z0-9_-]{24,}",
    ),
    pattern(
        "docker-token",
        "Docker Hub token",
        "dckr_pat_",
        r"^dckr_pat_[0-9A-Za-z_-]{20,}",
    ),
];

/// Longest credential that is looked at.
const MAX_FORM: usize = 4096;
/// Marks that are looked for in the same pass.
pub(crate) const PRIVATE_KEY: &str = "PRIVATE KEY-----";
pub(crate) const CERTIFICATE: &str = "CERTIFICATE-----";
pub(crate) const URL: &str = "://";

struct CompiledPatterns {
    /// The literals of [`PATTERNS`], then the marks.
    literals: AhoCorasick,
    forms: Vec<Regex>,
}

fn compiled() -> &'static CompiledPatterns {
    static COMPILED: OnceLock<CompiledPatterns> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let marks = [PRIVATE_KEY, CERTIFICATE, URL];
        // One pass for all literals; the forms, which are slow, only run where one of them stands.
        let literals = PATTERNS.iter().map(|p| p.literal).chain(marks);
        let forms = PATTERNS.iter().map(|p| {
            Regex::new(&format!("(?-u){}", p.form))
                .unwrap_or_else(|e| unreachable!("the form of {} is a pattern: {e}", p.rule))
        });
        CompiledPatterns {
            literals: AhoCorasick::new(literals)
                .unwrap_or_else(|e| unreachable!("a few literals compile: {e}")),
            forms: forms.collect(),
        }
    })
}

/// Something in a text that is worth a closer look.
pub(crate) enum SecretHit {
    /// A credential; where, and its length.
    Credential(&'static CredentialPattern, usize, usize),
    /// Place of [`PRIVATE_KEY`].
    PrivateKey(usize),
    /// Some [`CERTIFICATE`].
    Certificate,
    /// Place of [`URL`].
    Url(usize),
}

/// Goes through a text once.
pub(crate) fn hits(text: &[u8]) -> impl Iterator<Item = SecretHit> + '_ {
    let compiled = compiled();
    // Up to where each pattern has been looked for.
    let mut passed = vec![0; PATTERNS.len()];
    compiled.literals.find_iter(text).filter_map(move |found| {
        let (index, at) = (found.pattern().as_usize(), found.start());
        match index.checked_sub(PATTERNS.len()) {
            Some(0) => Some(SecretHit::PrivateKey(at)),
            Some(1) => Some(SecretHit::Certificate),
            Some(_) => Some(SecretHit::Url(at)),
            None => {
                let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                // A token that begins inside a longer word is no token, and one inside another was looked at with it.
                if at < passed[index] || at > 0 && word(text[at - 1]) {
                    return None;
                }
                // Bounded, since forms of open length would search to the end of the file for every literal.
                let tail = &text[at..text.len().min(at + MAX_FORM)];
                let Some(form) = compiled.forms[index].find(tail) else {
                    // A run of characters that is followed by nothing more is so from any later place in it as well.
                    if PATTERNS[index].literal == JWT {
                        let run = |b: &u8| word(*b) || *b == b'-';
                        passed[index] = at + text[at..].iter().take_while(|b| run(b)).count();
                    }
                    return None;
                };
                passed[index] = at + form.len();
                (!is_placeholder(form.as_bytes())).then_some(SecretHit::Credential(
                    &PATTERNS[index],
                    at,
                    form.len(),
                ))
            }
        }
    })
}

/// Words that stand in place of a secret.
const PLACEHOLDERS: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"xxxx",
    b"your",
    b"dummy",
    b"redacted",
    b"insert",
    b"password",
    b"passwd",
    b"secret",
    b"foobar",
    b"12345678",
    b"abcdef",
    b"....",
    b"****",
    // The key of Azure's storage emulator, which is the same everywhere.
    b"eby8vdm02xnocqflquwjpllm",
    // The subject of jwt.io's sample: `1234567890`.
    b"eyjzdwiioiixmjm0nty3odkw",
];

/// Whether a value stands for a secret in documentation and tests.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let variable =
        value.first() == Some(&b'$') || memchr::memchr3(b'{', b'<', b'%', value).is_some();
    // `aaaaaaaa` and `abababab` are examples; a random secret has many different characters.
    let mut distinct = [false; 256];
    lower.iter().for_each(|&b| distinct[usize::from(b)] = true);
    let distinct = distinct.iter().filter(|&&seen| seen).count();
    let mut words = PLACEHOLDERS
        .iter()
        .copied()
        .chain(TO_CHANGE.map(str::as_bytes));
    variable
        || words.any(|word| memchr::memmem::find(&lower, word).is_some())
        || distinct < value.len().min(32) / 4 + 1
}

/// A mark that tells a secret from others: 64 bits of its hash, from which it cannot be recovered.
pub(crate) fn mark(value: &[u8]) -> u64 {
    let mut hash = Sha256::default();
    hash.update(value);
    let [a, b, c, d, e, f, g, h, ..] = hash.finish();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The start of a token that only says what it is, and its length.
pub(crate) fn masked(value: &[u8], shown: usize) -> String {
    // At most a quarter: of a short value, even the first characters would help to guess the rest.
    let head = String::from_utf8_lossy(&value[..shown.min(value.len() / 4)]).into_owned();
    format!("{head}… ({} characters)", value.len())
}

impl CredentialPattern {
    /// Number of characters that may be shown.
    pub(crate) fn shown(&self) -> usize {
        self.literal.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<&'static str> {
        hits(text.as_bytes())
            .filter_map(|hit| match hit {
                SecretHit::Credential(pattern, ..) => Some(pattern.rule),
                _ => None,
            })
            .collect()
    }

    /// Made here, so that no scanner of this very repository finds a token.
    fn random(length: usize) -> String {
        let alphabet = b"Q7wE2rT9yU4iO1pAsDf5GhJ8kLzX3cVbN6mK0";
        (0..length)
            .map(|i| char::from(alphabet[(i * 7 + i / 5) % alphabet.len()]))
            .collect()
    }

    #[test]
    fn tokens_are_found_by_their_form() {
        for (text, rule) in [
            (
                format!("key = AKIA{}", "Z3QW5TY2U7PLKJ4H"),
                "aws-access-key",
            ),
            (format!("ghp_{}", random(36)), "github-token"),
            (format!("\"glpat-{}\"", random(20)), "gitlab-token"),
            (
                format!("xoxb-{}-{}", "123498765123", random(24)),
                "slack-token",
            ),
            (format!("sk_live_{}", random(24)), "stripe-key"),
            (format!("npm_{}", random(36)), "npm-token"),
            (format!("pypi-AgEIcHlwaS5vcmc{}", random(70)), "pypi-token"),
        ] {
            assert_eq!(rules(&text), [rule], "{text}");
        }
    }

    #[test]
    fn examples_and_fragments_are_no_tokens() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("xghp_{}", random(36)),
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
            "npm_config_registry".to_owned(),
            "glpat-short".to_owned(),
        ] {
            assert!(rules(&text).is_empty(), "{text}");
        }
    }

    #[test]
    fn tokens_in_tokens_are_looked_at_once() {
        // Each of them would be looked at for as long as a token may be.
        for (start, end) in [("-eyJ", " "), ("-pypi-AgE", " ")] {
            let text = start.repeat(2_000_000 / start.len()) + end;
            assert!(rules(&text).is_empty(), "{start}");
        }
        let token = format!("eyJ{0}.eyJ{0}.{0}", random(40));
        assert_eq!(rules(&format!("-eyJ-eyJ {token}")), ["jwt"]);
    }

    #[test]
    fn a_mask_shows_the_kind_and_no_secret() {
        assert_eq!(masked(b"ghp_abcdefghijklmnop", 4), "ghp_… (20 characters)");
        assert_eq!(masked(b"abcd", 4), "a… (4 characters)");
    }
}
