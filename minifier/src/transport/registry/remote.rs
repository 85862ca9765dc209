//! [`Remote`]: the parts of a name in a registry.

use std::fmt;

use oci_spec::distribution::Reference;
use url::Url;

use super::error::RegistryError;
use crate::image::{DOCKER_HUB, Digest, ImageReference};

/// The host that answers for Docker's default registry: docker.io itself is a website.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// An image in a registry: which registry, which repository, and which manifest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Remote {
    /// Splits a reference; an image ID is an error, since only an engine knows it.
    pub fn new(reference: &ImageReference) -> Result<Self, RegistryError> {
        let error = |what: &str| RegistryError::Reference {
            reference: reference.to_string(),
            what: what.to_owned(),
        };
        if reference.id().is_some() {
            return Err(error("an image ID does not name an image in a registry"));
        }
        let parts = Reference::try_from(reference.full()).map_err(|e| error(&e.to_string()))?;
        let digest = parts.digest().map(str::parse::<Digest>).transpose();
        Ok(Self {
            registry: parts.registry().to_owned(),
            repository: parts.repository().to_owned(),
            tag: parts.tag().map(str::to_owned),
            digest: digest.map_err(|e| error(&e.to_string()))?,
        })
    }

    /// The registry as references name it: `docker.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The host, with its port, that answers for the registry.
    pub(crate) fn host(&self) -> &str {
        match self.registry.as_str() {
            DOCKER_HUB => DOCKER_HUB_HOST,
            other => other,
        }
    }

    /// The repository: `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if there is one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The end of a manifest's URL. A digest takes precedence over a tag, which may have moved since.
    pub(crate) fn manifest_name(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|d| write!(f, "@{d}"))
    }
}

/// Host, and port if the URL has one.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(text: &str) -> Result<Remote, RegistryError> {
        Remote::new(&text.parse().unwrap())
    }

    #[test]
    fn names_are_taken_apart() {
        let hub = remote("nginx").unwrap();
        assert_eq!(hub.to_string(), "docker.io/library/nginx:latest");
        assert_eq!(
            (hub.host(), hub.repository()),
            (DOCKER_HUB_HOST, "library/nginx")
        );
        let digest = Digest::of(b"");
        let pinned = remote(&format!("localhost:5000/a/b:1@{digest}")).unwrap();
        assert_eq!(pinned.registry(), "localhost:5000");
        assert_eq!(pinned.host(), "localhost:5000");
        assert_eq!(pinned.tag(), Some("1"));
        assert_eq!(pinned.manifest_name(), digest.to_string());
    }

    #[test]
    fn an_id_names_nothing_in_a_registry() {
        let error = remote(&Digest::of(b"").to_string()).unwrap_err();
        assert!(error.to_string().contains("an image ID"), "{error}");
    }
}
