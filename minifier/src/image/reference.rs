//! [`TaggedName`]: the name that an image is written under.
//!
//! Source: the grammar of distribution/reference, and Docker's defaults (`docker.io`, `library/`, `latest`).

use std::fmt;
use std::str::FromStr;

const DEFAULT_DOMAIN: &str = "docker.io";
const DEFAULT_NAMESPACE: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// Why text is not the name of an image with a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A digest names content that exists; nothing can be written under it.
    #[error("image name {0:?} has a digest, expected NAME or NAME:TAG")]
    Digest(String),
    /// The repository is not lower-case components with single separators.
    #[error(
        "image name {0:?} is invalid: components are lower-case letters and digits, with \".\", \"_\", \"__\" or \"-\" between them"
    )]
    Repository(String),
    /// The part before the first slash looks like a host, but is none.
    #[error("image name {0:?} does not start with a valid registry host")]
    Domain(String),
    /// The tag has a character that tags cannot have, or is longer than 128.
    #[error(
        "image name {0:?} has an invalid tag: up to 128 letters, digits, \"_\", \".\" and \"-\", not starting with \".\" or \"-\""
    )]
    Tag(String),
    /// Longer than registries take.
    #[error("image name {0:?} is longer than 255 characters")]
    Length(String),
}

/// Registry, repository and tag, with Docker's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaggedName {
    domain: String,
    repository: String,
    tag: String,
}

impl TaggedName {
    /// `docker.io/library/app:slim`: how containerd names images.
    pub fn full(&self) -> String {
        format!("{}/{}:{}", self.domain, self.repository, self.tag)
    }

    /// `app:slim`: how Docker shows it.
    pub fn familiar(&self) -> String {
        let (repository, tag) = (&self.repository, &self.tag);
        if self.domain != DEFAULT_DOMAIN {
            return self.full();
        }
        match repository.strip_prefix(DEFAULT_NAMESPACE) {
            // `library/a/b` would read back as `a/b`.
            Some(short) if !short.contains('/') => format!("{short}:{tag}"),
            _ => format!("{repository}:{tag}"),
        }
    }

    /// `slim`
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl fmt::Display for TaggedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.familiar())
    }
}

impl FromStr for TaggedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains('@') {
            return Err(NameError::Digest(text.to_owned()));
        }
        // A colon before the last slash belongs to the host's port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, DEFAULT_TAG),
        };
        let (domain, repository) = match name.split_once('/') {
            Some((host, rest)) if looks_like_host(host) => (host, rest.to_owned()),
            Some(_) => (DEFAULT_DOMAIN, name.to_owned()),
            None => (DEFAULT_DOMAIN, format!("{DEFAULT_NAMESPACE}{name}")),
        };
        let domain = match domain {
            "index.docker.io" => DEFAULT_DOMAIN,
            other => other,
        };
        if !valid_domain(domain) {
            return Err(NameError::Domain(text.to_owned()));
        }
        if !repository.split('/').all(valid_component) {
            return Err(NameError::Repository(text.to_owned()));
        }
        // Docker takes these for image IDs.
        if repository.len() == 72 && is_id(&repository[DEFAULT_NAMESPACE.len()..]) {
            return Err(NameError::Repository(text.to_owned()));
        }
        if domain.len() + 1 + repository.len() > 255 {
            return Err(NameError::Length(text.to_owned()));
        }
        if !valid_tag(tag) {
            return Err(NameError::Tag(text.to_owned()));
        }
        Ok(Self {
            domain: domain.to_owned(),
            repository,
            tag: tag.to_owned(),
        })
    }
}

fn is_id(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_hexdigit())
}

fn looks_like_host(part: &str) -> bool {
    part.contains(['.', ':']) || part == "localhost" || part.chars().any(|c| c.is_ascii_uppercase())
}

fn valid_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(v6) => !v6.is_empty() && v6.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        }),
    };
    host_fits && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

fn valid_component(component: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends_fit = |b: Option<&u8>| b.is_some_and(|&b| alphanumeric(b));
    if !ends_fit(bytes.first()) || !ends_fit(bytes.last()) {
        return false;
    }
    bytes
        .split(|&b| alphanumeric(b))
        .all(|separator| match separator {
            b"" | b"." | b"_" | b"__" => true,
            other => other.iter().all(|&b| b == b'-'),
        })
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in_and_left_out_again() {
        for (text, full, familiar) in [
            ("app", "docker.io/library/app:latest", "app:latest"),
            ("app:slim", "docker.io/library/app:slim", "app:slim"),
            ("me/app:1.0", "docker.io/me/app:1.0", "me/app:1.0"),
            (
                "localhost:5000/a/b",
                "localhost:5000/a/b:latest",
                "localhost:5000/a/b:latest",
            ),
            ("r.example/a:x_Y", "r.example/a:x_Y", "r.example/a:x_Y"),
            ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
            (
                "docker.io/library/a",
                "docker.io/library/a:latest",
                "a:latest",
            ),
            ("index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"),
            (
                "a--b__c/d.e_f",
                "docker.io/a--b__c/d.e_f:latest",
                "a--b__c/d.e_f:latest",
            ),
        ] {
            let name: TaggedName = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(name.full(), full);
            assert_eq!(name.familiar(), familiar);
        }
    }

    #[test]
    fn invalid_names_are_refused_with_the_reason() {
        let long = "a".repeat(300);
        let id = "0a".repeat(32);
        for (text, expected) in [
            ("App", NameError::Repository("App".into())),
            ("", NameError::Repository(String::new())),
            ("a..b", NameError::Repository("a..b".into())),
            ("a/", NameError::Repository("a/".into())),
            ("-a", NameError::Repository("-a".into())),
            ("a___b", NameError::Repository("a___b".into())),
            ("a:", NameError::Tag("a:".into())),
            ("a:.b", NameError::Tag("a:.b".into())),
            ("a:b c", NameError::Tag("a:b c".into())),
            ("a@sha256:00", NameError::Digest("a@sha256:00".into())),
            ("-x.y/a", NameError::Domain("-x.y/a".into())),
            ("x.y:p/a", NameError::Domain("x.y:p/a".into())),
            (&long, NameError::Length(long.clone())),
            (&id, NameError::Repository(id.clone())),
        ] {
            assert_eq!(text.parse::<TaggedName>(), Err(expected), "{text}");
        }
    }
}
