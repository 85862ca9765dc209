//! Secrets on a command line: logins of `curl` and its like, headers, and entries for a `.netrc`.
//! A command line is one text, as a shell takes it, or a list of words, as `["curl", "-u", "me:password"]` in a
//! Dockerfile.

use std::ops::Range;
use std::sync::OnceLock;

use regex::Regex;

use super::names::is_secret_option;
use super::patterns::is_placeholder;
use super::values::{is_default, is_reference};

/// Bytes of a text in which lists of words may be looked for without finding one.
const MAX_IN_VAIN: usize = 1 << 20;

/// A secret of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandSecret {
    /// Its range in the text.
    pub(crate) range: Range<usize>,
    pub(crate) rule: &'static str,
    /// Its description for people.
    pub(crate) what: &'static str,
}

/// A rule: the group `secret` of its form is the secret, if the group `option`, if there is one, is named like one.
struct CommandRule {
    rule: &'static str,
    what: &'static str,
    form: &'static str,
}

const fn login(what: &'static str, form: &'static str) -> CommandRule {
    CommandRule {
        rule: "command-login",
        what,
        form,
    }
}

/// Words of a command and what follows them. They hold for lists of words, too.
///
/// Sources: the manual pages of these programs.
const WORDS_RULES: [CommandRule; 8] = [
    login(
        "login of a command",
        r#"\b(?:curl|http|https|wget|lftp|smbclient)\b[^|;&\n]*?[\s=](?:-u|-U|-a|--user|--proxy-user|--auth)[ =]?["']?[^\s:"'$-][^\s:"'$]*:(?<secret>[^\s"'\\]{2,})"#,
    ),
    login(
        "password of a command",
        r#"\s--?(?<option>[A-Za-z][A-Za-z0-9._-]*)[ \t]+["']?(?<secret>[^\s"'\\-][^\s"'\\]{3,})"#,
    ),
    login(
        "password of a command",
        r#"\b(?:sshpass|docker\s+login|podman\s+login|buildah\s+login|skopeo\s+login|helm\s+registry\s+login|az\s+login)\b[^|;&\n]*?\s-p[ =]?["']?(?<secret>[^\s"'\\]{4,})"#,
    ),
    login(
        "password of a database",
        r#"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin)\b[^|;&\n]*?\s-p["']?(?<secret>[^\s"'\\]{4,})"#,
    ),
    login(
        "password of a database",
        r#"\b(?:redis-cli|valkey-cli)\b[^|;&\n]*?\s-a[ ]+["']?(?<secret>[^\s"'\\]{4,})"#,
    ),
    login(
        "password of a database",
        r#"\b(?:mongo|mongosh|mongodump|mongorestore|cqlsh)\b[^|;&\n]*?\s-p[ ]+["']?(?<secret>[^\s"'\\-][^\s"'\\]{3,})"#,
    ),
    login(
        "password of a database",
        r#"\b(?:sqlcmd|bcp)\b[^|;&\n]*?\s-P[ ]*["']?(?<secret>[^\s"'\\]{4,})"#,
    ),
    login(
        "password of a directory",
        r#"\bldap(?:add|compare|delete|modify|passwd|search|whoami)\b[^|;&\n]*?\s-w[ ]*["']?(?<secret>[^\s"'\\]{4,})"#,
    ),
];

/// Rules for secrets that stand within one word, or that need a shell.
const TEXT_RULES: [CommandRule; 4] = [
    login(
        "password of a user",
        r#"\becho\s+(?:-[ne]+\s+)?["']?[a-z_][a-z0-9_-]*:(?<secret>[^\s"'\\|]{3,})["']?\s*\|\s*(?:sudo\s+)?chpasswd\b"#,
    ),
    CommandRule {
        rule: "authorization-header",
        what: "credentials of a request",
        form: r#"(?i)\b(?:bearer|authorization:\s*(?:basic|token|digest|apikey))\s+["']?(?<secret>[A-Za-z0-9._~+/=-]{8,})"#,
    },
    CommandRule {
        rule: "authorization-header",
        what: "credentials of a request",
        form: r#"(?i)\b(?:private-token|job-token|x-api-key|x-auth-token|x-vault-token|x-jfrog-art-api|api-key)\s*:\s*(?<secret>[^\s"'\\]{8,})"#,
    },
    CommandRule {
        rule: "netrc",
        what: "password for a .netrc",
        form: r#"\bmachine(?:\s|\\n|\\t)+\S+(?:\s|\\n|\\t)+login(?:\s|\\n|\\t)+\S+(?:\s|\\n|\\t)+password(?:\s|\\n|\\t)+(?<secret>[^\s"'\\]{3,})"#,
    },
];

/// Words in the place of a secret that are not secrets.
const WORDS: [&str; 6] = ["token", "password", "auth", "realm", "error", "scheme"];

type CompiledRules = Vec<(&'static CommandRule, Regex)>;

fn compiled(rules: &'static [CommandRule]) -> CompiledRules {
    let compile = |rule: &'static CommandRule| {
        let form = Regex::new(rule.form)
            .unwrap_or_else(|e| unreachable!("the form of {} is a pattern: {e}", rule.what));
        (rule, form)
    };
    rules.iter().map(compile).collect()
}

fn words_rules() -> &'static CompiledRules {
    static FORMS: OnceLock<CompiledRules> = OnceLock::new();
    FORMS.get_or_init(|| compiled(&WORDS_RULES))
}

fn text_rules() -> &'static CompiledRules {
    static FORMS: OnceLock<CompiledRules> = OnceLock::new();
    FORMS.get_or_init(|| compiled(&TEXT_RULES))
}

/// The secrets of a command line, or of a step that may have one as a list of words, in the order of their places; none
/// overlaps another.
pub(crate) fn command_secrets(text: &str) -> Vec<CommandSecret> {
    // A text is looked at as a shell line first: `RUN` steps are the most, and a list may stand inside one.
    let mut found = matches(words_rules(), text, |range| &text[range]);
    found.extend(matches(text_rules(), text, |range| &text[range]));
    for list in lists(text) {
        let words: Vec<&str> = list.iter().map(|range| &text[range.clone()]).collect();
        for (word, mut secret) in word_secrets(&words) {
            let start = list[word].start;
            secret.range = start + secret.range.start..start + secret.range.end;
            found.push(secret);
        }
    }
    in_order(found)
}

/// Secrets in the order of their places; those that overlap are one.
fn in_order(mut found: Vec<CommandSecret>) -> Vec<CommandSecret> {
    found.sort_by_key(|secret| (secret.range.start, secret.range.end));
    found.dedup_by(|next, kept| {
        let overlaps = next.range.start < kept.range.end;
        // `--password=x -u me:x` fits two rules. One mask over both leaves no part of the secret visible.
        if overlaps {
            kept.range.end = kept.range.end.max(next.range.end);
        }
        overlaps
    });
    found
}

/// The secrets of a list of words that follow from the words before them: the number of the word, and where in it. None
/// overlaps another.
pub(crate) fn word_secrets(words: &[&str]) -> Vec<(usize, CommandSecret)> {
    // One line in which each word is one to a shell as well, and as long as before.
    let mut line = String::new();
    let mut starts = Vec::with_capacity(words.len());
    for word in words {
        starts.push(line.len());
        line.extend(word.chars().map(|c| match c {
            // In a list, `daemon off;` is one word. As a line it would be three, and end a command.
            ' ' | '\t' | '\r' | '\n' | '"' | '\'' | '\\' | '|' | ';' | '&' => '~',
            c => c,
        }));
        line.push(' ');
    }
    let place = |range: &Range<usize>| {
        let word = starts.partition_point(|&start| start <= range.start) - 1;
        (word, range.start - starts[word]..range.end - starts[word])
    };
    let value = |range: Range<usize>| {
        let (word, range) = place(&range);
        &words[word][range]
    };
    let found = in_order(matches(words_rules(), &line, value));
    let placed = found.into_iter().map(|secret| {
        let (word, range) = place(&secret.range);
        (word, CommandSecret { range, ..secret })
    });
    placed.collect()
}

/// Secrets that the rules find in `text`. `value` returns the text of a range.
fn matches<'a>(
    rules: &CompiledRules,
    text: &str,
    value: impl Fn(Range<usize>) -> &'a str,
) -> Vec<CommandSecret> {
    let mut found = Vec::new();
    for (rule, form) in rules {
        for groups in form.captures_iter(text) {
            let named = groups
                .name("option")
                .is_none_or(|option| is_secret_option(option.as_str()));
            let Some(secret) = groups.name("secret").filter(|_| named) else {
                continue;
            };
            if is_secret(value(secret.range())) {
                found.push(CommandSecret {
                    range: secret.range(),
                    rule: rule.rule,
                    what: rule.what,
                });
            }
        }
    }
    found
}

/// The lists of words in a text, `["a", "b"]` or without commas, as Docker writes them into the history: where each word
/// stands between its quotes.
fn lists(text: &str) -> Vec<Vec<Range<usize>>> {
    let mut lists = Vec::new();
    let (mut from, mut in_vain) = (0, 0);
    while let Some(at) = text[from..].find('[').map(|at| from + at) {
        let (words, end) = list(text, at + 1);
        from = match words {
            Some(words) => {
                lists.push(words);
                end
            }
            None => {
                // `[[[[…` would be looked at again for each bracket.
                in_vain += end - at;
                at + 1
            }
        };
        if in_vain > MAX_IN_VAIN {
            break;
        }
    }
    lists
}

/// The words of a list behind its `[`, and the end of the list; `None`, and the place where it stops being one, if it is not a list.
fn list(text: &str, start: usize) -> (Option<Vec<Range<usize>>>, usize) {
    let bytes = text.as_bytes();
    let (mut words, mut at) = (Vec::new(), start);
    loop {
        match bytes.get(at) {
            Some(b']') => return (Some(words), at + 1),
            Some(b' ' | b',') => at += 1,
            Some(b'"') => {
                let first = at + 1;
                at = first;
                while !matches!(bytes.get(at), None | Some(b'"')) {
                    // `\"` does not end a word.
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if at >= bytes.len() {
                    return (None, bytes.len());
                }
                words.push(first..at);
                at += 1;
            }
            _ => return (None, at),
        }
    }
}

fn is_secret(value: &str) -> bool {
    !is_reference(value)
        && !is_default(value)
        && !is_placeholder(value.as_bytes())
        && !WORDS.contains(&value.to_ascii_lowercase().as_str())
}

/// The text with these secrets masked.
pub(crate) fn masked(text: &str, secrets: &[CommandSecret], mask: &str) -> String {
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
            ("redis-server --requirepass Zk3v9QmW --port 1", "Zk3v9QmW"),
            ("redis-cli -h db -a Zk3v9QmW ping", "Zk3v9QmW"),
            ("mongosh -u me -p Zk3v9QmW", "Zk3v9QmW"),
            ("sqlcmd -S db -U sa -P Zk3v9QmW", "Zk3v9QmW"),
            ("ldapsearch -D cn=a -w Zk3v9QmW", "Zk3v9QmW"),
            ("keytool -list -storepass Zk3v9QmW", "Zk3v9QmW"),
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
    fn logins_in_lists_of_words_are_found_and_masked() {
        for (text, expected) in [
            (
                r#"CMD ["curl","-u","me:pw","https://r.test"]"#,
                r#"CMD ["curl","-u","me:***","https://r.test"]"#,
            ),
            (
                r#"/bin/sh -c #(nop)  CMD ["redis-server" "--requirepass" "Zk3 v9\"QmW" "--port" "1"]"#,
                r#"/bin/sh -c #(nop)  CMD ["redis-server" "--requirepass" "***" "--port" "1"]"#,
            ),
            (
                r#"HEALTHCHECK &{["CMD" "mysqladmin" "-uroot" "-pZk3v;9QmW" "ping"] "5s" "0s"}"#,
                r#"HEALTHCHECK &{["CMD" "mysqladmin" "-uroot" "-p***" "ping"] "5s" "0s"}"#,
            ),
            (
                r#"RUN [ -n "x" ] && ["curl", "-H", "Authorization: Bearer 9aK2mPq7Rt5w"]"#,
                r#"RUN [ -n "x" ] && ["curl", "-H", "Authorization: Bearer ***"]"#,
            ),
            (
                r#"["sh", "-c", "curl -u me:Zk3v9QmW https://r.test"]"#,
                r#"["sh", "-c", "curl -u me:*** https://r.test"]"#,
            ),
        ] {
            assert_eq!(masked(text, &command_secrets(text), "***"), expected);
        }
        for text in [
            r#"CMD ["nginx", "-g", "daemon off;"]"#,
            r#"CMD ["app", "--token-file", "/run/token", "--pass-through", "abcdefgh"]"#,
            r#"["mysqld", "--user=mysql", "-port", "3306"]"#,
            r#"["curl", "-u", "$USER:$PASS", "https://r.test"]"#,
            r#"["curl", "#,
            r#"["a" "\"#,
            "[[[",
        ] {
            assert_eq!(command_secrets(text), [], "{text}");
        }
    }

    #[test]
    fn lists_that_are_none_are_looked_at_in_bounded_time() {
        for part in ["[", "[\"", "[\"\"", "[\"a\" "] {
            // With a look at the rest for each bracket, this takes minutes.
            let _ = command_secrets(&part.repeat(1 << 18));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_command_is_looked_through(
            text in "([\\[\\]\" ,\\\\~é]|curl|-u|me:pässw0rt|--requirepass|redis-cli -a ){0,40}",
            words in proptest::collection::vec("(curl|-u|me:p ä\"x'w0rt|--requirepass|redis-cli|-a|[ -~é]{0,9})", 0..12),
        ) {
            let found = command_secrets(&text);
            let _ = masked(&text, &found, "***");
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut before = (0, 0);
            for (word, secret) in word_secrets(&words) {
                proptest::prop_assert!(before <= (word, secret.range.start));
                before = (word, secret.range.end);
                proptest::prop_assert!(words[word].get(secret.range).is_some());
            }
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
            "redis-server --requirepass $PASS",
            "tool --bypass abcdefgh --compass north --token-ttl 30days",
            "curl -u admin:admin https://r.test",
            "mkdir -p /run/mysqld && chown -R mysql:mysql /run/mysqld",
            "docker login -u me --password-stdin r.test",
            "WWW-Authenticate: Bearer realm=x",
        ] {
            assert_eq!(command_secrets(text), [], "{text}");
        }
    }
}
