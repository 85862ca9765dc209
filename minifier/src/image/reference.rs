//! [`ImageReference`]: the name that the user types for an image, checked and normalised. [`TaggedName`]: the name that
//! an image is written under.
//!
//! Source: the grammar of `github.com/distribution/reference`, as implemented by the crate `oci-spec`.

use std::fmt;
use std::str::FromStr;

use oci_spec::distribution::Reference;

use super::Digest;

/// Docker's default registry, as references name it.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// The reason why a text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parse the image reference {text:?}: {what}")]
pub struct ReferenceError {
    /// The text.
    pub text: String,
    /// The fault in it.
    pub what: String,
}

/// A checked image reference. It holds only characters that are safe in a URL's path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageReference {
    text: String,
    kind: ReferenceKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum ReferenceKind {
    /// A full image ID.
    Id(Digest),
    /// `[registry/]repository[:tag][@digest]`; a short image ID looks the same.
    Named(Reference),
}

impl ImageReference {
    /// The text that the user typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The image ID, if the text is a full one.
    pub fn id(&self) -> Option<Digest> {
        match &self.kind {
            ReferenceKind::Id(id) => Some(*id),
            ReferenceKind::Named(_) => None,
        }
    }

    /// The tag; `latest` if the text has neither a tag nor a digest, `None` for an ID or a digest.
    pub fn tag(&self) -> Option<&str> {
        match &self.kind {
            ReferenceKind::Id(_) => None,
            ReferenceKind::Named(reference) => reference.tag(),
        }
    }

    /// The full name with registry and tag, such as `docker.io/library/nginx:latest`; an ID is returned unchanged.
    pub fn full(&self) -> String {
        match &self.kind {
            ReferenceKind::Id(id) => id.to_string(),
            ReferenceKind::Named(reference) => reference.whole(),
        }
    }

    /// The name as Docker lists it, without the default registry but with the tag, such as `nginx:latest`; an ID is
    /// returned unchanged.
    pub fn familiar(&self) -> String {
        let full = self.full();
        let on_hub = full
            .strip_prefix(DOCKER_HUB)
            .and_then(|rest| rest.strip_prefix('/'));
        match on_hub {
            Some(name) => name.strip_prefix("library/").unwrap_or(name).to_owned(),
            None => full,
        }
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |what: String| ReferenceError {
            text: text.to_owned(),
            what,
        };
        // "sha256:…" alone would parse as the repository "sha256" with a tag.
        let is_hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let kind = if text.starts_with("sha256:") {
            ReferenceKind::Id(text.parse().map_err(|e| error(format!("{e}")))?)
        } else if is_hex {
            let id = format!("sha256:{text}").parse();
            ReferenceKind::Id(id.map_err(|e| error(format!("{e}")))?)
        } else {
            let name_end = text.find(['@', ':']).unwrap_or(text.len());
            match Reference::try_from(text) {
                Ok(reference) => ReferenceKind::Named(reference),
                // The parser only says "invalid reference format", and this is the usual reason.
                Err(_) if text[..name_end].bytes().any(|b| b.is_ascii_uppercase()) => {
                    return Err(error("the repository's name must be lower-case".into()));
                }
                Err(e) => return Err(error(e.to_string())),
            }
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A name that an image can be written under: a repository and a tag, not an ID or a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaggedName {
    full: String,
    familiar: String,
    tag: String,
}

impl TaggedName {
    /// The name in containerd's form: `docker.io/library/app:slim`.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// The name as Docker lists it: `app:slim`.
    pub fn familiar(&self) -> &str {
        &self.familiar
    }

    /// The tag: `slim`.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl FromStr for TaggedName {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: ImageReference = text.parse()?;
        match (&reference.kind, reference.tag()) {
            (ReferenceKind::Named(named), Some(tag)) if named.digest().is_none() => Ok(Self {
                full: reference.full(),
                familiar: reference.familiar(),
                tag: tag.to_owned(),
            }),
            _ => Err(ReferenceError {
                text: text.to_owned(),
                what: "an image can be given a name with a tag, not an ID or a digest".into(),
            }),
        }
    }
}

impl fmt::Display for TaggedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.familiar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ImageReference {
        text.parse().unwrap()
    }

    #[test]
    fn names_get_the_default_registry_and_tag() {
        for (text, full, familiar) in [
            ("app", "docker.io/library/app:latest", "app:latest"),
            ("me/app:1", "docker.io/me/app:1", "me/app:1"),
            (
                "reg.io:5000/a/b",
                "reg.io:5000/a/b:latest",
                "reg.io:5000/a/b:latest",
            ),
            ("localhost/app:x", "localhost/app:x", "localhost/app:x"),
        ] {
            assert_eq!(
                (&*parse(text).full(), &*parse(text).familiar()),
                (full, familiar)
            );
            assert_eq!(text.parse::<TaggedName>().unwrap().familiar(), familiar);
        }
    }

    #[test]
    fn ids_and_digests_are_no_names_to_give() {
        let hex = "ab".repeat(32);
        for text in [hex.clone(), format!("sha256:{hex}")] {
            assert_eq!(parse(&text).full(), format!("sha256:{hex}"));
            assert!(parse(&text).id().is_some() && text.parse::<TaggedName>().is_err());
        }
        let pinned = format!("app:1@sha256:{hex}");
        assert_eq!(parse(&pinned).tag(), Some("1"));
        assert!(pinned.parse::<TaggedName>().is_err());
    }

    #[test]
    fn bad_references_are_named_in_the_error() {
        for (text, what) in [
            ("", "at least one component"),
            ("App:1", "lower-case"),
            ("sha256:12", "64 lower-case"),
            ("a b", "invalid reference"),
            ("../x", "invalid reference"),
            ("app?x=1", "invalid reference"),
            ("app:", "invalid reference"),
            ("app@sha256:12", "invalid reference"),
        ] {
            let error = text.parse::<ImageReference>().unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(text), "{error}");
        }
    }
}
