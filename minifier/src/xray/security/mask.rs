//! [`Masker`]: hides secrets of an image's config and history in reports about it, by what the detectors find.
//!
//! The image itself is never changed by this: it is the reports that go to more people than the image does.

use std::collections::BTreeMap;

#[cfg(any(feature = "cli", test))]
use serde_json::Value;

use super::config::{MASK, env_secret, masked_env, masked_step};
use crate::image::ImageConfig;
use crate::xray::detect::{
    CommandSecret, SecretHit, hits, is_secret_name, masked_command, url_password, variable,
    word_secrets,
};

/// Shortest value that is hidden wherever it occurs; a shorter one may be a word of its own elsewhere.
const SHORTEST: usize = 6;

/// Hides the secrets of one image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masker {
    /// Values that are known to be secrets, the longest first: one may be a part of another.
    known: Vec<String>,
}

impl Masker {
    /// For an image with this config, run with these additional variables.
    pub(crate) fn new<'a>(
        config: &'a ImageConfig,
        environment: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        let mut known: Vec<String> = config
            .env()
            .iter()
            .chain(environment)
            .filter(|entry| env_secret(entry).is_some())
            .filter_map(|entry| Some(entry.split_once('=')?.1.to_owned()))
            // A short value (`abc`) would also be masked inside of harmless words.
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        // If a shorter value were replaced first, the rest of a longer one that contains it would stay visible.
        known.sort_by_key(|value| (std::cmp::Reverse(value.len()), value.clone()));
        known.dedup();
        Self { known }
    }

    /// An entry `NAME=value` of an environment.
    pub(crate) fn env(&self, entry: &str) -> String {
        match (env_secret(entry), entry.split_once('=')) {
            (None, Some((name, value))) => format!("{name}={}", self.text(value)),
            _ => masked_env(entry),
        }
    }

    /// The value of a label, an annotation or the like.
    pub(crate) fn named(&self, name: &str, value: &str) -> String {
        if is_secret(name, value) {
            MASK.to_owned()
        } else {
            self.text(value)
        }
    }

    /// The words of a command. Whether a word is a secret may follow from the word before it.
    pub(crate) fn words(&self, words: &mut [String]) {
        let mut secrets: BTreeMap<usize, Vec<CommandSecret>> = BTreeMap::new();
        let plain: Vec<&str> = words.iter().map(String::as_str).collect();
        for (word, secret) in word_secrets(&plain) {
            secrets.entry(word).or_default().push(secret);
        }
        for (number, word) in words.iter_mut().enumerate() {
            let known = secrets.remove(&number).unwrap_or_default();
            *word = self.text(&masked_command(word, &known, MASK));
        }
    }

    /// Any text: a step of the history, a line of output.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in &self.known {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), MASK);
            }
        }
        // One after the other, each on the masked text: spans of the next one cannot reach into a mask.
        for spans in [assignments, addresses, tokens] {
            text = hidden(&text, spans(&text));
        }
        masked_step(&text)
    }

    /// A config as JSON, whatever it holds.
    #[cfg(any(feature = "cli", test))]
    pub(crate) fn config(&self, config: &mut Value) {
        self.value("", config);
    }

    #[cfg(any(feature = "cli", test))]
    fn value(&self, key: &str, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            // Entries of `Env` are assignments; words of a command follow other rules.
            Value::Array(list) if key == "Env" => {
                for entry in list {
                    if let Value::String(entry) = entry {
                        *entry = self.env(entry);
                    }
                }
            }
            Value::Array(list) => {
                let words: Option<Vec<String>> = list
                    .iter()
                    .map(|word| Some(word.as_str()?.to_owned()))
                    .collect();
                match words {
                    Some(mut words) => {
                        self.words(&mut words);
                        *list = words.into_iter().map(Value::String).collect();
                    }
                    None => list.iter_mut().for_each(|value| self.value("", value)),
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) => *text = self.named(name, text),
                        _ => self.value(name, value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Whether a value of that name is a secret; the name can be that of an option or of a label.
fn is_secret(name: &str, value: &str) -> bool {
    env_secret(&format!("{}={value}", variable(name))).is_some()
}

type Spans = Vec<std::ops::Range<usize>>;

/// `text` with these places masked, which are in order.
fn hidden(text: &str, spans: Spans) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        // One that begins within another was hidden with it.
        if span.start >= at {
            out.push_str(&text[at..span.start]);
            out.push_str(MASK);
            at = span.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// The values of `NAME=value` and `--name=value` that are secrets, to their ends as a shell, JSON or a Dockerfile has
/// them.
fn assignments(text: &str) -> Spans {
    let metadata = is_metadata(text);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (mut spans, mut seen) = (Spans::new(), 0);
    for (at, _) in text.match_indices('=') {
        // Values can hold as many signs as there are bytes: each is looked at once.
        if at < seen {
            continue;
        }
        let name = text[seen..at].rsplit(|c| !is_name(c)).next();
        let Some(name) = name.filter(|name| is_secret_name(name)) else {
            continue;
        };
        let before = text[..at - name.len()].chars().next_back();
        let (skip, length) = value_length(&text[at + 1..], before, metadata);
        let value = at + 1 + skip..at + 1 + skip + length;
        seen = value.end;
        if is_secret(name, &text[value.clone()]) {
            spans.push(value);
        }
    }
    spans
}

/// A step whose values are not quoted and end where the next name begins, as Docker's older builder wrote it.
fn is_metadata(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.split_once("#(nop)").map_or(text, |(_, rest)| rest);
    let word = text.split_whitespace().next().unwrap_or_default();
    matches!(word, "ENV" | "LABEL" | "ARG")
}

/// The start of the value at the beginning of `text`, after its quote, and its length. `before` is what precedes the name.
fn value_length(text: &str, before: Option<char>, metadata: bool) -> (usize, usize) {
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inside) = text.strip_prefix(quote) {
            let length = end_of_quote(inside, quote);
            return (quote.len(), length);
        }
    }
    if let Some(quote @ ('"' | '\'')) = before {
        return (0, end_of_quote(text, quote.encode_utf8(&mut [0; 4])));
    }
    // `ENV A=b c D=e` of the older builder: values have blanks and no quotes.
    if metadata {
        return (0, before_the_next_name(text));
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | ')' | '"' | '\'' | '`');
    (0, text.find(ends).unwrap_or(text.len()))
}

/// The bytes before the quote that ends the text.
fn end_of_quote(text: &str, quote: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text[from..].find(quote).map(|at| from + at) {
        // Only double quotes know escapes, in a shell and in JSON.
        let escaped = quote == "\"" && text[..at].ends_with('\\');
        if !escaped {
            return at;
        }
        from = at + quote.len();
    }
    text.len()
}

/// The bytes before ` NAME=`.
fn before_the_next_name(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let next = text.match_indices('=').find_map(|(at, _)| {
        let name = text[..at].rsplit(|c| !is_name(c)).next()?;
        let start = at - name.len();
        (!name.is_empty() && text[..start].ends_with(' ')).then_some(start)
    });
    text[..next.unwrap_or(text.len())].trim_end().len()
}

/// Passwords of `scheme://user:password@host`.
fn addresses(text: &str) -> Spans {
    hits(text.as_bytes())
        .filter_map(|hit| match hit {
            SecretHit::Url(at) if url_password(text.as_bytes(), at, 0).is_some() => {
                let user = at + 3;
                let password = user + text[user..].find(':')? + 1;
                Some(password..password + text[password..].find('@')?)
            }
            _ => None,
        })
        .collect()
}

/// Credentials that their form gives away.
fn tokens(text: &str) -> Spans {
    hits(text.as_bytes())
        .filter_map(|hit| match hit {
            SecretHit::Credential(_, at, length) => Some(at..at + length),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(config: Value) -> ImageConfig {
        let config = json!({"rootfs": {"type": "layers"}, "config": config});
        ImageConfig::parse(config.to_string().as_bytes()).unwrap()
    }

    fn none() -> Masker {
        Masker::default()
    }

    #[test]
    fn a_value_of_nothing_but_assignments_is_looked_at_once() {
        for part in ["=a", "TOKEN=$", "TOKEN=xxxxxxxx ", "PASSWORD='"] {
            let text = format!("A{}", part.repeat(1 << 16));
            // With a look at the rest for each sign, this takes hours.
            assert!(!none().text(&text).is_empty());
        }
    }

    #[test]
    fn an_option_with_its_value_says_nothing_about_the_next_word() {
        let mut words = ["--token=8f3a9c77d1", "serve"].map(str::to_owned);
        none().words(&mut words);
        assert_eq!(words, ["--token=********", "serve"]);
    }

    #[test]
    fn a_value_is_hidden_to_its_end() {
        for (text, expected) in [
            (
                "RUN PASSWORD=hunter2,tail make",
                "RUN PASSWORD=******** make",
            ),
            (
                "RUN PASSWORD='hun ter2,tail' make",
                "RUN PASSWORD='********' make",
            ),
            (
                r#"RUN PASSWORD="hun \"ter2" make"#,
                r#"RUN PASSWORD="********" make"#,
            ),
            (
                r#"["sh", "-c", "TOKEN=8f3a9c,77 x"]"#,
                r#"["sh", "-c", "********"]"#,
            ),
            (
                "/bin/sh -c #(nop)  ENV PASSWORD=hun ter2,tail OTHER=b c",
                "/bin/sh -c #(nop)  ENV PASSWORD=******** OTHER=b c",
            ),
            (
                "x --db-password=hunter2,tail y",
                "x --db-password=******** y",
            ),
            (
                "curl https://me:s3,cr3t9x@host/x",
                "curl https://me:********@host/x",
            ),
            ("TOKEN=8f3a9c77;make", "TOKEN=********;make"),
        ] {
            let masked = none().text(text);
            assert!(
                !masked.contains("tail") && !masked.contains("ter2") && !masked.contains("cr3t"),
                "{masked}"
            );
            if !text.starts_with('[') {
                assert_eq!(masked, expected);
            }
        }
        for text in [
            "RUN apt-get install -y curl && echo $TOKEN && A=b make",
            "CMD [\"nginx\", \"-g\", \"daemon off;\"]",
            "ENV PATH=/usr/bin:/bin LANG=C.UTF-8",
        ] {
            assert_eq!(none().text(text), text);
        }
    }

    #[test]
    fn what_one_place_gives_away_is_hidden_in_all() {
        let config = config(json!({"Env": ["DB_PASSWORD=opal9 Trumpet,x", "A=b"]}));
        let masker = Masker::new(&config, &["API_TOKEN=8f3a9c77".to_owned()]);
        assert_eq!(
            masker.text("login with opal9 Trumpet,x and 8f3a9c77"),
            "login with ******** and ********"
        );
        assert_eq!(masker.env("A=b"), "A=b");
        assert_eq!(masker.env("COPY=opal9 Trumpet,x!"), "COPY=********!");
    }

    #[test]
    fn a_value_that_everybody_knows_is_a_word_of_its_own_elsewhere() {
        let entries = ["POSTGRES_PASSWORD=postgres", "DB_PASS=changeme"];
        let masker = Masker::new(&config(json!({"Env": entries})), []);
        let text = "exec: postgres: changeme to your own";
        assert_eq!(masker.text(text), text);
    }

    #[test]
    fn parameters_of_addresses_are_hidden() {
        assert_eq!(
            none().text("http://10.0.0.2/in?user=me&access_token=8f3a9c77d1&x=1"),
            "http://10.0.0.2/in?user=me&access_token=********&x=1"
        );
    }

    #[test]
    fn words_hide_what_words_before_them_tell() {
        for (command, at) in [
            (&["curl", "-sS", "-u", "me:pw"][..], 3),
            (&["redis-server", "--requirepass", "opal9 Trumpet"], 2),
            (&["mysqladmin", "-uroot", "-popal9;Trumpet", "ping"], 2),
            (&["redis-cli", "-a", "opal9 \"Trumpet"], 2),
        ] {
            let mut words: Vec<String> = command.iter().map(ToString::to_string).collect();
            none().words(&mut words);
            for (number, (masked, word)) in words.iter().zip(command).enumerate() {
                assert_eq!(masked.ends_with(MASK), number == at, "{words:?}");
                assert!(number == at || masked == word, "{words:?}");
            }
        }
        let mut words = ["adduser", "--disabled-password", "somebody"].map(String::from);
        none().words(&mut words);
        assert_eq!(words, ["adduser", "--disabled-password", "somebody"]);
    }

    #[test]
    fn options_hide_the_words_after_them() {
        let mut words = [
            "serve",
            "--admin-password",
            "opal9,Trumpet",
            "--port",
            "8080",
        ]
        .map(String::from);
        none().words(&mut words);
        assert_eq!(words, ["serve", "--admin-password", MASK, "--port", "8080"]);
    }

    #[test]
    fn a_config_keeps_its_shape() {
        let mut value = json!({
            "architecture": "amd64",
            "config": {
                "Env": ["PASSWORD=opal9,Trumpet", "PATH=/bin"],
                "Cmd": ["serve", "--token=8f3a9c,77"],
                "Labels": {"org.x.api-token": "8f3a9c77", "version": "1"},
                "ExposedPorts": {"80/tcp": {}},
            },
            "history": [{"created_by": "RUN TOKEN=8f3a9c,77 make", "empty_layer": true}],
        });
        none().config(&mut value);
        assert_eq!(
            value,
            json!({
                "architecture": "amd64",
                "config": {
                    "Env": ["PASSWORD=********", "PATH=/bin"],
                    "Cmd": ["serve", "--token=********"],
                    "Labels": {"org.x.api-token": "********", "version": "1"},
                    "ExposedPorts": {"80/tcp": {}},
                },
                "history": [{"created_by": "RUN TOKEN=******** make", "empty_layer": true}],
            })
        );
    }
}
