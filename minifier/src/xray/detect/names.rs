//! Names whose values are secrets: of variables, settings, options, labels and parameters of URLs. The one list of their
//! words.
//!
//! Sources: the documentation of the images that people run most (MySQL, MariaDB, PostgreSQL, Oracle, RabbitMQ, Redis,
//! Neo4j, WordPress, Airflow), and `man sshpass`, `man keytool`, `man mysql`.

use super::values::{is_default, is_reference};

/// Words that names of secrets contain. A `_` stands for any separator, and for none.
const WORDS: [&str; 24] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "ENCRYPTION_KEY",
    "AUTH_KEY",
    "ACCOUNT_KEY",
    "SIGNING_KEY",
    "MASTER_KEY",
    "SHARED_KEY",
    "LICENSE_KEY",
    "FERNET_KEY",
    "LOGGED_IN_KEY",
    "NONCE_KEY",
    "AUTH_SALT",
    "LOGGED_IN_SALT",
    "NONCE_SALT",
    "ERLANG_COOKIE",
    "MASTERAUTH",
];
/// Names that have none of these words.
const NAMES: [&str; 4] = ["NEO4J_AUTH", "REDISCLI_AUTH", "VNC_PW", "BINDPW"];
/// Last words of names of passwords. Anywhere else in a name they mean something else: `PASS_THROUGH`.
const LAST_WORDS: [&str; 9] = [
    "PASS",
    "PWD",
    "DBPASS",
    "SSHPASS",
    "KEYPASS",
    "STOREPASS",
    "USERPASS",
    "ROOTPASS",
    "REQUIREPASS",
];
/// Ends of names whose values only say where a secret is, or something about it.
const NO_SECRETS: [&str; 40] = [
    "_FILE",
    "_PATH",
    "_DIR",
    "_URL",
    "_URI",
    "_HOST",
    "_NAME",
    "_LENGTH",
    "_TTL",
    "_EXPIRY",
    "_ID",
    "_ENDPOINT",
    "_TYPE",
    "_SCRIPT",
    "_ARN",
    "_REF",
    "_VERSION",
    "_ALGORITHM",
    "_HEADER",
    "_ISSUER",
    "_AUDIENCE",
    "_SIZE",
    "_TIMEOUT",
    "_LIMIT",
    "_ENABLED",
    "_EXPIRATION",
    "_EXPIRES",
    "_VALIDITY",
    "_SECONDS",
    "_MINUTES",
    "_HOURS",
    "_DAYS",
    "_POLICY",
    "_PROVIDER",
    "_PREFIX",
    "_CLASS",
    "_MODEL",
    "_STORE",
    "_BACKEND",
    "_HASHERS",
];
/// Shortest value that counts.
const SHORTEST: usize = 4;

/// Whether a name says that its value is a secret: `DB_PASSWORD`, `--db-password`, `app.dbPassword`.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = variable(name);
    // The working directory of every shell.
    if name == "PWD" {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    let contains = |word: &str| {
        upper.contains(word) || (word.contains('_') && upper.contains(&word.replace('_', "")))
    };
    (WORDS.iter().any(|word| contains(word)) || NAMES.contains(&&*upper) || is_password(&upper))
        // `DB_PASSWORD_FILE` and `TOKEN_TTL` are about a secret, and are none.
        && !NO_SECRETS.iter().any(|end| upper.ends_with(end))
}

/// Whether the word behind an option of that name is a secret: `--db-password`, but neither `--password-stdin` nor
/// `--disabled-password`.
pub(crate) fn is_secret_option(name: &str) -> bool {
    const SWITCHES: [&str; 8] = [
        "NO", "DISABLE", "DISABLED", "SHOW", "HIDE", "ASK", "PROMPT", "WITHOUT",
    ];
    let upper = variable(name).to_ascii_uppercase();
    let first = upper.split('_').next().unwrap_or_default();
    let ends = |word: &str| upper.ends_with(word) || upper.ends_with(&word.replace('_', ""));
    is_secret_name(name)
        && !SWITCHES.contains(&first)
        && (WORDS.iter().any(|word| ends(word)) || is_password(&upper))
}

/// Whether the last word of a name is one of [`LAST_WORDS`], with a number behind it or without.
fn is_password(upper: &str) -> bool {
    // `DB_PASS_2`
    let numbered = upper.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let (before, last) = numbered.rsplit_once('_').unwrap_or(("", numbered));
    // `byPass`
    LAST_WORDS.contains(&last) && before.rsplit('_').next() != Some("BY")
}

/// Whether a name says that its value is a secret, and the value is one.
pub(crate) fn is_secret_variable(name: &str, value: &str) -> bool {
    // `TOKEN_URI=https://…`: an address may have a password, for which there is a rule of its own.
    let elsewhere = is_reference(value) || value.contains("://");
    // `ALLOW_EMPTY_PASSWORD=yes`, `PASSWORD_LENGTH=16`: a switch or a number, and no secret.
    let switch = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "none" | "null"
    ) || value.parse::<u32>().is_ok_and(|n| n < 10_000);
    is_secret_name(name) && value.len() >= SHORTEST && !elsewhere && !switch && !is_default(value)
}

/// Words that any text has that names a secret, in either case, so that only their surroundings need a closer look.
pub(crate) fn traces() -> Vec<String> {
    let mut traces = Vec::new();
    for word in WORDS.iter().chain(&NAMES).chain(&["PASS", "PWD"]) {
        traces.extend(["", "_", "-", "."].map(|separator| word.replace('_', separator)));
    }
    traces.sort();
    traces.dedup();
    traces
}

/// The name of an option, a key or a label as a variable has it: `--db-password` and `dbPassword` as `db_password` and
/// `db_Password`.
pub(crate) fn variable(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.trim_start_matches('-').chars() {
        // Words are separated in camel case, so that `dbPass` ends with `PASS` and `compass` does not.
        if c.is_ascii_uppercase() && out.ends_with(|c: char| c.is_ascii_lowercase()) {
            out.push('_');
        }
        out.push(match c {
            '-' | '.' | '/' => '_',
            c => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_images_that_people_run_are_known() {
        for name in [
            "MYSQL_ROOT_PASSWORD",
            "MYSQL_PWD",
            "PGPASSWORD",
            "ORACLE_PWD",
            "DB_PASS",
            "DB_PASS_2",
            "SMTP_PASS1",
            "RABBITMQ_DEFAULT_PASS",
            "RABBITMQ_ERLANG_COOKIE",
            "REDISCLI_AUTH",
            "NEO4J_AUTH",
            "SSHPASS",
            "VNC_PW",
            "WORDPRESS_AUTH_SALT",
            "AIRFLOW__CORE__FERNET_KEY",
            "NEW_RELIC_LICENSE_KEY",
            "--requirepass",
            "--masterauth",
            "--storepass",
            "-Dapp.dbPass",
            "spring.mail.password",
            "accountKey",
            "apikey",
            "secret-key-base",
            "pwd",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "BYPASS",
            "NO_BYPASS",
            "byPass",
            "COMPASS_MODE",
            "COMPASS",
            "PASS_THROUGH",
            "PASSENGER_APP_ENV",
            "SSH_ASKPASS",
            "GIT_ASKPASS",
            "DB_PASS_FILE",
            "TOKEN_TTL",
            "PATH",
            "GPG_KEY",
            "KEYBOARD",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn options_that_take_no_secret_are_known() {
        for name in [
            "password",
            "admin-password",
            "requirepass",
            "masterauth",
            "api-key",
            "apikey",
            "token",
        ] {
            assert!(is_secret_option(name), "{name}");
        }
        for name in [
            "password-stdin",
            "disabled-password",
            "no-password",
            "secret-name",
            "token-ttl",
            "bypass",
        ] {
            assert!(!is_secret_option(name), "{name}");
        }
    }

    #[test]
    fn what_names_a_secret_has_a_trace_of_it() {
        let traces = traces();
        for name in LAST_WORDS.iter().chain(&WORDS).chain(&NAMES) {
            for separator in ["", "_", "-", "."] {
                let name = name.replace('_', separator);
                let traced = traces.iter().any(|trace| name.contains(trace.as_str()));
                assert!(traced, "{name}");
            }
        }
    }

    #[test]
    fn a_value_that_everybody_knows_is_no_secret() {
        assert!(is_secret_variable("DB_PASS", "opal9Trumpet"));
        for value in [
            "postgres",
            "changeme",
            "ChangeMe!",
            "$OTHER",
            "/run/x",
            "yes",
            "3600",
            "abc",
        ] {
            assert!(!is_secret_variable("DB_PASS", value), "{value}");
        }
    }
}
