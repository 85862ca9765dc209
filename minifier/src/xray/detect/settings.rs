//! Secrets in the settings of frameworks and services: Spring, Django, .NET, PHP, Rails, and other configuration.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::lines::LineCounter;
use super::names::{is_secret_variable, traces};
use super::patterns::{SecretConfidence, SecretKind, SecretMatch, is_placeholder, masked};
use crate::rootfs::ImagePath;

/// Shortest value that counts.
const MIN_VALUE: usize = 6;
/// Bytes of one file that are looked at closely: no configuration has more lines that name secrets.
const MAX_LOOKED: usize = 256 << 10;
/// Bytes of a line up to a value in which the mark of a comment is looked for.
const MAX_COMMENT: usize = 8 << 10;

/// Syntax of assignments in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// `name = value`, `name: value`, one a line.
    Lines,
    /// A program or JSON: the value is a string literal.
    Literals,
}

/// Purpose of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A framework or a service reads it, so a password in it is in use.
    Settings,
    /// Configuration of any kind, among it translations and descriptions of forms.
    Other,
}

/// The secrets among the settings of a file; `configuration` says whether its name is that of some configuration.
pub(crate) fn settings(path: &ImagePath, text: &[u8], configuration: bool) -> Vec<SecretMatch> {
    let Some((syntax, purpose)) = purpose(path, configuration) else {
        return Vec::new();
    };
    let forms = forms();
    let mut lines = LineCounter::new(text);
    let form = match syntax {
        Syntax::Lines => &forms.lines,
        Syntax::Literals => &forms.literals,
    };
    let mut found: Vec<Range<usize>> = Vec::new();
    // The forms are slow, and configuration of megabytes exists (translations, OpenAPI).
    for window in windows(text) {
        let part = &text[window.clone()];
        let assigned = form.captures_iter(part).filter_map(|groups| {
            let value = ["a", "b", "c"]
                .iter()
                .find_map(|group| groups.name(group))?;
            Some((groups.name("name")?.as_bytes(), value))
        });
        let connections = forms.connection.captures_iter(part);
        // .NET keeps the password inside a connection string, whose own name says nothing.
        let connections = connections.filter_map(|groups| Some((&b"password"[..], groups.get(1)?)));
        let secrets = assigned
            .chain(connections)
            .filter(|(name, value)| is_secret(name, value.as_bytes(), purpose));
        found.extend(secrets.map(|(_, v)| window.start + v.start()..window.start + v.end()));
    }
    // Documentation of settings has examples of every one of them.
    found.retain(|value| !is_comment(text, value.start));
    found.sort_unstable_by_key(|value| (value.start, value.end));
    found.dedup();
    found
        .into_iter()
        .map(|value| SecretMatch {
            rule: match purpose {
                Purpose::Settings => "settings-secret",
                Purpose::Other => "config-secret",
            },
            kind: SecretKind::Credential,
            confidence: SecretConfidence::Medium,
            line: Some(lines.at(value.start)),
            what: match purpose {
                Purpose::Settings => "secret among its settings",
                Purpose::Other => "value that is called a secret",
            },
            masked: masked(&text[value], 0),
            mark: None,
        })
        .collect()
}

/// The lines that have a word of [`traces`], in their order; of long ones what is around it. Looking at these only costs a
/// hundredth of looking at everything.
fn windows(text: &[u8]) -> Vec<Range<usize>> {
    const BEFORE: usize = 256;
    const AFTER: usize = 512;
    static FINDER: OnceLock<AhoCorasick> = OnceLock::new();
    let finder = FINDER.get_or_init(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(traces())
            .unwrap_or_else(|e| unreachable!("a few words compile: {e}"))
    });
    let mut windows: Vec<Range<usize>> = Vec::new();
    let mut looked = 0;
    for word in finder.find_iter(text) {
        // A list of a million tokens would be looked at for minutes, and one finding says it all.
        if looked > MAX_LOOKED {
            break;
        }
        let first = word.start().saturating_sub(BEFORE);
        let start = memchr::memrchr(b'\n', &text[first..word.start()]);
        let start = start.map_or(first, |at| first + at + 1);
        let last = text.len().min(word.end() + AFTER);
        let end = memchr::memchr(b'\n', &text[word.end()..last]);
        let end = end.map_or(last, |at| word.end() + at);
        match windows.last_mut() {
            Some(window) if start <= window.end => {
                looked += end.saturating_sub(window.end);
                window.end = window.end.max(end);
            }
            _ => {
                looked += end - start;
                windows.push(start..end);
            }
        }
    }
    windows
}

struct Forms {
    lines: Regex,
    literals: Regex,
    /// A password in a connection string: `…;Password=…;`
    connection: Regex,
}

fn forms() -> &'static Forms {
    static FORMS: OnceLock<Forms> = OnceLock::new();
    FORMS.get_or_init(|| {
        let form = |text: &str| {
            Regex::new(&format!("(?-u){text}"))
                .unwrap_or_else(|e| unreachable!("the form of settings is a pattern: {e}"))
        };
        Forms {
            lines: form(
                r#"(?m)^[ \t]*(?:-[ \t]+)?(?:export[ \t]+)?["']?(?P<name>[A-Za-z_][A-Za-z0-9_.\-\[\]]{1,100})["']?[ \t]*[:=][ \t]*(?:"(?P<a>[^"\r\n]{4,300})"|'(?P<b>[^'\r\n]{4,300})'|(?P<c>[^\s"'#;|>&*\[{][^\s#]{3,300}))[ \t]*(?:[#,][^\r\n]*)?\r?$"#,
            ),
            literals: form(
                r#"["']?(?P<name>[A-Za-z_][A-Za-z0-9_.\-]{1,100})["']?\]?\s{0,8}(?:=>|:=|=|:|,)\s{0,8}[bru]?(?:"(?P<a>[^"\r\n]{4,300})"|'(?P<b>[^'\r\n]{4,300})')"#,
            ),
            connection: form(r#"(?i)[;"'](?:password|pwd)\s?=\s?([^;"'\r\n]{4,128})(?:[;"']|$)"#),
        }
    })
}

/// Syntax and purpose of a file, by its name and the directory that holds it; `None` if it is not configuration.
fn purpose(path: &ImagePath, configuration: bool) -> Option<(Syntax, Purpose)> {
    let name = std::str::from_utf8(path.file_name())
        .ok()?
        .to_ascii_lowercase();
    let dir = path
        .parent()
        .map(|dir| dir.file_name().to_ascii_lowercase())
        .unwrap_or_default();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let in_config = matches!(&*dir, b"config" | b"settings" | b"conf");
    let starts = |words: &[&str]| words.iter().any(|word| stem.starts_with(word));
    let settings = match extension {
        "properties" | "yml" | "yaml" => {
            // Spring's files and profiles; Rails' and Symfony's.
            starts(&["application", "bootstrap"])
                || matches!(
                    stem,
                    "database" | "secrets" | "parameters" | "gradle" | "hibernate" | "local"
                )
        }
        "py" => {
            stem == "settings"
                || stem.ends_with("_settings")
                || stem == "config"
                || matches!(&*dir, b"settings")
        }
        "json" => {
            starts(&["appsettings"])
                || matches!(stem, "local.settings" | "secrets" | "credentials" | "auth")
        }
        "php" => {
            matches!(
                stem,
                "wp-config" | "config" | "settings" | "localsettings" | "database" | "env"
            ) || in_config
        }
        "config" => matches!(stem, "web" | "app" | "nuget"),
        "tfvars" => true,
        "cnf" => matches!(stem, ".my" | "my"),
        "toml" => stem == "credentials",
        _ => matches!(&*name, ".s3cfg" | ".boto" | "rclone.conf"),
    };
    let literals = matches!(extension, "py" | "json" | "php" | "config");
    let syntax = if literals {
        Syntax::Literals
    } else {
        Syntax::Lines
    };
    // Lists of what is installed have hashes that are called keys.
    let lists = name.contains("lock") || name.starts_with("package");
    let other = configuration
        && !lists
        && matches!(
            extension,
            "yml" | "yaml" | "toml" | "ini" | "properties" | "json" | "cfg"
        );
    match (settings, other) {
        (true, _) => Some((syntax, Purpose::Settings)),
        (_, true) => Some((syntax, Purpose::Other)),
        _ => None,
    }
}

/// Whether the line up to a place begins as a comment does.
fn is_comment(text: &[u8], at: usize) -> bool {
    // A longer line is no comment. Without the bound, each value of a minified file would search back to its start.
    let first = at.saturating_sub(MAX_COMMENT);
    let start = match memchr::memrchr(b'\n', &text[first..at]) {
        Some(end) => first + end + 1,
        None if first == 0 => 0,
        None => return false,
    };
    let line = text[start..at].trim_ascii_start();
    [&b"#"[..], b"//", b";", b"*", b"<!--"]
        .iter()
        .any(|mark| line.starts_with(mark))
}

fn is_secret(name: &[u8], value: &[u8], purpose: Purpose) -> bool {
    let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
        return false;
    };
    // `spring.datasource.password`: what comes before only says whose it is.
    let last = name.rsplit(['.', '[']).next().unwrap_or(name);
    let value = value.trim();
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    // `DB_PASSWORD: DB_PASSWORD` names a variable.
    let constant = value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    // `org.example.PasswordEncoder`: the name of a class that handles secrets.
    let class = value.split('.').count() > 2
        && value
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'.' || b == b'_');
    let mixed =
        value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    is_secret_variable(last, value)
        && value.len() >= MIN_VALUE
        && !value.contains(char::is_whitespace)
        && !is_placeholder(value.as_bytes())
        && !digits
        && !constant
        && !class
        // In other files, a word of letters alone is a label or a translation.
        && (purpose == Purpose::Settings || mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_long_line_are_looked_at_without_what_stands_before_them() {
        // Minutes, if the start of the line were looked for from each value.
        let values = r#""password":"Zk3v9QmW1","#.repeat(10_000);
        let line = [" ".repeat(32 << 20), values].concat();
        let found = settings(&"/app/appsettings.json".into(), line.as_bytes(), true);
        assert_eq!(found.len(), 10_000);
        let comment = [b"// ".as_slice(), &line.as_bytes()[(32 << 20) - 1000..]].concat();
        let found = settings(&"/app/appsettings.json".into(), &comment, true);
        assert!(found.len() < 10_000);
    }

    fn find(path: &str, text: &str) -> Vec<String> {
        let found = settings(&path.into(), text.as_bytes(), true);
        found
            .iter()
            .map(|s| format!("{}:{}", s.rule, s.line.unwrap_or(0)))
            .collect()
    }

    #[test]
    fn settings_of_frameworks_hold_secrets() {
        for (path, text, expected) in [
            (
                "/app/application.properties",
                "spring.datasource.url=jdbc:x\nspring.datasource.password=t7Gh2kLp9\n",
                "settings-secret:2",
            ),
            (
                "/app/config/application-prod.yml",
                "spring:\n  datasource:\n    password: t7Gh2kLp9 # live\n",
                "settings-secret:3",
            ),
            (
                "/srv/site/settings.py",
                "# SECRET_KEY = 'no4comment5'\nSECRET_KEY = 'x9!kd83&ls0(pq2m'\n",
                "settings-secret:2",
            ),
            (
                "/srv/site/settings/prod.py",
                "DATABASES = {'default': {'PASSWORD': 't7Gh2kLp9'}}\n",
                "settings-secret:1",
            ),
            (
                "/app/appsettings.Production.json",
                "{\"ConnectionStrings\": {\"Db\": \"Server=db;User Id=sa;Password=t7Gh2kLp9;\"}}",
                "settings-secret:1",
            ),
            (
                "/var/www/wp-config.php",
                "define('DB_PASSWORD', 't7Gh2kLp9');\n",
                "settings-secret:1",
            ),
            (
                "/app/service.yaml",
                "db:\n  password: t7Gh2kLp9\n",
                "config-secret:2",
            ),
        ] {
            assert_eq!(find(path, text), [expected], "{path}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_words_is_looked_at_in_part() {
        let looked = |text: &str| -> usize {
            windows(text.as_bytes())
                .iter()
                .map(|window| window.len())
                .sum()
        };
        assert!(looked(&"token".repeat(200_000)) < MAX_LOOKED + 2048);
        assert!(looked(&"token = x\n".repeat(100_000)) < MAX_LOOKED + 2048);
        assert_eq!(looked("a: b\ntoken: x\nc: d\n"), "token: x".len());
    }

    #[test]
    fn references_defaults_and_words_are_no_secrets() {
        for (path, text) in [
            (
                "/app/application.yml",
                "password: ${DB_PASSWORD:postgres}\ntoken-validity: 86400000\n",
            ),
            (
                "/app/application.properties",
                "spring.datasource.password=postgres\nserver.ssl.key-store-password=changeit\n",
            ),
            (
                "/srv/settings.py",
                "SECRET_KEY = os.environ['SECRET_KEY']\nPASSWORD_HASHERS = ['x']\n",
            ),
            (
                "/srv/settings.py",
                "TOKEN_MODEL = 'rest.authtoken.models.Token'\n",
            ),
            (
                "/app/lang/de.json",
                "{\"password\": \"Passwort-Feld\", \"token\": \"Marke\"}",
            ),
            ("/app/package-lock.json", "{\"token\": \"a1b2c3d4e5\"}"),
            (
                "/app/x.yaml",
                "secretName: db1-credentials\nsecretKeyRef: {name: a}\n",
            ),
        ] {
            assert_eq!(find(path, text), [""; 0], "{path}");
        }
    }
}
