//! Secrets that stand on a command line: logins of `curl` and its like, headers, and what is written into a `.netrc`.

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::patterns::is_placeholder;
use super::values::is_reference;

/// A secret of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandSecret {
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
    pub(super) rule: &'static str,
    /// What it is, for people.
    pub(super) what: &'static str,
}

/// A rule: the first group of its form is the secret.
struct Rule {
    rule: &'static str,
    what: &'static str,
    form: &'static str,
}

const RULES: [Rule; 8] = [
    Rule {
        rule: "command-login",
        what: "login of a command",
        form: r#"\b(?:curl|http|https|wget|lftp|smbclient)\b[^|;&\n]*?[\s=](?:-u|-U|-a|--user|--proxy-user|--auth)[ =]?["']?[^\s:"'$-][^\s:"'$]*:([^\s"'\\]{3,})"#,
    },
    Rule {
        rule: "command-login",
        what: "password of a command",
        form: r#"\s--(?:[a-z]+-)?(?:password|passwd|pass|token|api-key|secret)[ \t]+["']?([^\s"'\\-][^\s"'\\]{3,})"#,
    },
    Rule {
        rule: "command-login",
        what: "password of a command",
        form: r#"\b(?:sshpass|docker\s+login|podman\s+login|buildah\s+login|skopeo\s+login|helm\s+registry\s+login|az\s+login)\b[^|;&\n]*?\s-p[ =]?["']?([^\s"'\\]{4,})"#,
    },
    Rule {
        rule: "command-login",
        what: "password of a database",
        form: r#"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;&\n]*?\s-p["']?([^\s"'\\]{4,})"#,
    },
    Rule {
        rule: "command-login",
        what: "password of a user",
        form: r#"\becho\s+(?:-[ne]+\s+)?["']?[a-z_][a-z0-9_-]*:([^\s"'\\|]{3,})["']?\s*\|\s*(?:sudo\s+)?chpasswd\b"#,
    },
    Rule {
        rule: "authorization-header",
        what: "credentials of a request",
        form: r#"(?i)\b(?:bearer|authorization:\s*(?:basic|token|digest|apikey))\s+["']?([A-Za-z0-9._~+/=-]{8,})"#,
    },
    Rule {
        rule: "authorization-header",
        what: "credentials of a request",
        form: r#"(?i)\b(?:private-token|job-token|x-api-key|x-auth-token|x-vault-token|x-jfrog-art-api|api-key)\s*:\s*([^\s"'\\]{8,})"#,
    },
    Rule {
        rule: "netrc",
        what: "password for a .netrc",
        form: r#"\bmachine(?:\s|\\n|\\t)+\S+(?:\s|\\n|\\t)+login(?:\s|\\n|\\t)+\S+(?:\s|\\n|\\t)+password(?:\s|\\n|\\t)+([^\s"'\\]{3,})"#,
    },
];

/// What names a secret, and is none itself.
const WORDS: [&str; 6] = ["token", "password", "auth", "realm", "error", "scheme"];

fn forms() -> &'static [(&'static Rule, Regex)] {
    static FORMS: OnceLock<Vec<(&'static Rule, Regex)>> = OnceLock::new();
    FORMS.get_or_init(|| {
        let compile = |rule: &'static Rule| {
            let form = Regex::new(rule.form)
                .unwrap_or_else(|e| unreachable!("the form of {} is a pattern: {e}", rule.rule));
            (rule, form)
        };
        RULES.iter().map(compile).collect()
    })
}

/// The secrets of a command line, in the order of their places; none overlaps another.
pub(super) fn command_secrets(text: &str) -> Vec<CommandSecret> {
    let mut found: Vec<CommandSecret> = Vec::new();
    for (rule, form) in forms() {
        let values = form.captures_iter(text).filter_map(|groups| groups.get(1));
        for value in values.filter(|value| is_secret(value.as_str())) {
            found.push(CommandSecret {
                range: value.range(),
                rule: rule.rule,
                what: rule.what,
            });
        }
    }
    found.sort_by_key(|secret| (secret.range.start, secret.range.end));
    found.dedup_by(|b, a| b.range.start < a.range.end);
    found
}

fn is_secret(value: &str) -> bool {
    !is_reference(value)
        && !is_placeholder(value.as_bytes())
        && !WORDS.contains(&value.to_ascii_lowercase().as_str())
}

/// The text with these secrets masked.
pub(super) fn masked(text: &str, secrets: &[CommandSecret], mask: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in secrets {
        out.push_str(&text[at..secret.range.start]);
        out.push_str(mask);
        at = secret.range.end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_on_command_lines_are_found_and_masked() {
        for (text, hidden) in [
            ("curl -sSf -u deploy:Zk3v9QmW https://r.test/a", "Zk3v9QmW"),
            ("curl --user=me:Zk3v9QmW https://r.test", "Zk3v9QmW"),
            ("wget --password Zk3v9QmW https://r.test", "Zk3v9QmW"),
            ("docker login -u me -p Zk3v9QmW r.test", "Zk3v9QmW"),
            ("mysql -uroot -pZk3v9QmW db", "Zk3v9QmW"),
            ("echo 'root:Zk3v9QmW' | chpasswd", "Zk3v9QmW"),
            (
                "curl -H \"Authorization: Bearer 9aK2mPq7Rt5w\" x",
                "9aK2mPq7Rt5w",
            ),
            ("curl -H 'PRIVATE-TOKEN: 9aK2mPq7Rt5w' x", "9aK2mPq7Rt5w"),
            (
                "printf 'machine r.test\\nlogin me\\npassword Zk3v9QmW\\n' > ~/.netrc",
                "Zk3v9QmW",
            ),
        ] {
            let found = command_secrets(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(masked(text, &found, "***"), text.replace(hidden, "***"));
        }
    }

    #[test]
    fn variables_and_options_are_no_secrets() {
        for text in [
            "curl -u \"$USER:$PASS\" https://r.test",
            "curl -fsSL https://r.test:8443/x | tar -xz",
            "curl -H \"Authorization: Bearer $TOKEN\" x",
            "curl -H \"Authorization: Bearer ${TOKEN}\" x",
            "adduser --disabled-password --gecos '' app",
            "mysql -p db",
            "mkdir -p /run/mysqld && chown -R mysql:mysql /run/mysqld",
            "docker login -u me --password-stdin r.test",
            "WWW-Authenticate: Bearer realm=x",
        ] {
            assert_eq!(command_secrets(text), [], "{text}");
        }
    }
}
