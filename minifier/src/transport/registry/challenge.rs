//! [`Challenge`]: the demand of a `WWW-Authenticate` field.
//!
//! Source: RFC 9110, sections 11.2 to 11.6.1; distribution, "Token Authentication Specification".

use std::collections::BTreeMap;

/// The way in which a registry wants credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// URL that gives tokens.
        realm: String,
        /// The token server's name for the registry.
        service: Option<String>,
        /// The scope that the request would have needed.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge of `fields` that we can meet; a token goes before a password.
    pub(crate) fn choose<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let known: Vec<Self> = fields.flat_map(parse).filter_map(Self::known).collect();
        let bearer = known
            .iter()
            .find(|challenge| matches!(challenge, Self::Bearer { .. }));
        bearer.or(known.first()).cloned()
    }

    fn known((scheme, mut parameters): (String, Parameters)) -> Option<Self> {
        match scheme.as_str() {
            "basic" => Some(Self::Basic),
            "bearer" => Some(Self::Bearer {
                realm: parameters.remove("realm")?,
                service: parameters.remove("service"),
                scope: parameters.remove("scope"),
            }),
            _ => None,
        }
    }
}

type Parameters = BTreeMap<String, String>;

/// The challenges of one field, with schemes and parameter names in lower case. Reading ends at the first fault.
fn parse(field: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = Rest(field);
    loop {
        rest.skip(|c| c == ',' || c.is_ascii_whitespace());
        let name = rest.token();
        if name.is_empty() {
            return challenges;
        }
        let name = name.to_ascii_lowercase();
        let had_space = rest.skip(|c| c.is_ascii_whitespace());
        // Several challenges share one field, separated by the same comma as parameters: only "=" tells them apart
        // (RFC 9110, 11.6.1).
        let parameter = rest.0.starts_with('=') && !challenges.is_empty();
        if !parameter {
            challenges.push((name, Parameters::new()));
            if !had_space && !rest.0.is_empty() && !rest.0.starts_with(',') {
                return challenges;
            }
            continue;
        }
        rest.0 = &rest.0[1..];
        rest.skip(|c| c.is_ascii_whitespace());
        let Some(value) = rest.value() else {
            return challenges;
        };
        if let Some((_, parameters)) = challenges.last_mut() {
            // A repeated parameter is malformed; the first one counts.
            parameters.entry(name).or_insert(value);
        }
    }
}

/// The rest of the field.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Skips characters; returns whether there were any.
    fn skip(&mut self, which: impl Fn(char) -> bool) -> bool {
        let before = self.0.len();
        self.0 = self.0.trim_start_matches(which);
        self.0.len() < before
    }

    fn token(&mut self) -> &'a str {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        token
    }

    /// A token or a quoted string; `None` if it is malformed.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            // Longer than the grammar's token: some registries send URLs without quotes.
            let end = self
                .0
                .find(|c: char| c == ',' || c.is_ascii_whitespace())
                .unwrap_or(self.0.len());
            let (value, rest) = self.0.split_at(end);
            self.0 = rest;
            return (!value.is_empty()).then(|| value.to_owned());
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(field: &str) -> Option<Challenge> {
        Challenge::choose([field].into_iter())
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(Into::into),
            scope: scope.map(Into::into),
        })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(choose(hub), expected);
        assert_eq!(
            choose("Basic realm=\"basic-realm\""),
            Some(Challenge::Basic)
        );
        assert_eq!(choose("BASIC"), Some(Challenge::Basic));
        assert_eq!(
            choose(r#"bearer  Realm = "https://a/\"b" , error=invalid_token"#),
            bearer("https://a/\"b", None, None)
        );
        assert_eq!(
            choose("Bearer realm=https://a/t,service=s"),
            bearer("https://a/t", Some("s"), None)
        );
    }

    #[test]
    fn a_token_goes_before_a_password_wherever_it_stands() {
        let both = r#"Basic realm="r", Bearer realm="https://t/""#;
        assert_eq!(choose(both), bearer("https://t/", None, None));
        let fields = [
            "Negotiate",
            "Basic realm=\"x\"",
            "Bearer realm=\"https://t/\"",
        ];
        assert_eq!(
            Challenge::choose(fields.into_iter()),
            bearer("https://t/", None, None)
        );
    }

    #[test]
    fn what_cannot_be_met_or_read_is_none() {
        for field in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer service=\"s\"",
            "Bearer realm=\"https://unclosed",
            "=",
            "Digest realm=\"r\"",
        ] {
            assert_eq!(choose(field), None, "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_an_end(field in ".{0,200}") {
            let _ = choose(&field);
        }

        #[test]
        fn what_is_quoted_comes_back(realm in "[ -~]{1,40}", scope in "[ -~]{1,40}") {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!("Bearer realm=\"{}\",scope=\"{}\"", quote(&realm), quote(&scope));
            prop_assert_eq!(choose(&field), bearer(&realm, None, Some(&scope)));
        }
    }
}
