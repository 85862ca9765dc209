//! [`RegistryError`]: the reason why an image cannot be read from or written to a registry.

use std::io;
use std::path::PathBuf;

use crate::image::{ConfigError, DOCKER_HUB, Digest, ManifestError};

/// The reason why an image cannot be read from or written to a registry. No variant holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The reference does not name an image in a registry, or names one that cannot be written.
    #[error("use {reference} as a name in a registry: {what}")]
    Reference {
        /// The reference as the user gave it.
        reference: String,
        /// The fault, a fragment.
        what: String,
    },
    /// An entry in the list of insecure registries is not a host.
    #[error("use {entry:?} as an insecure registry: expected HOST or HOST:PORT")]
    Insecure {
        /// The entry as the user gave it.
        entry: String,
    },
    /// Nothing answers at the registry's address.
    #[error("connect to the registry at {host}: {what}")]
    Connect {
        /// Host, with the port if the URL has one.
        host: String,
        /// The connection's error.
        what: String,
    },
    /// No TLS connection can be made that is trusted.
    #[error("make a TLS connection to {host}: {what}")]
    Tls {
        /// Host, with the port if the URL has one.
        host: String,
        /// The fault, a fragment.
        what: String,
    },
    /// The registry refers to an address further inside the network than its own.
    #[error(
        "connect to {host}: the registry redirects to it, and {what}, unlike the registry's own"
    )]
    LeadsInside {
        /// Host, with the port if the URL has one.
        host: String,
        /// The kind of the address, a fragment.
        what: String,
    },
    /// A file of `certs.d` cannot be used.
    #[error("read the certificates in {}: {what}", path.display())]
    Certificates {
        /// The file or folder below `certs.d`.
        path: PathBuf,
        /// The fault, a fragment.
        what: String,
    },
    /// The connection broke, or the registry could not answer, at every attempt.
    #[error("{doing}: {what} (tried {attempts} times)")]
    Broken {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The failure of the last attempt, a fragment.
        what: String,
        /// Number of attempts.
        attempts: u32,
    },
    /// The registry wants credentials, or did not accept those that were sent.
    #[error("{doing}: the registry answered {said}")]
    Unauthorized {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The registry as references name it, such as `docker.io`.
        registry: String,
        /// HTTP status, with the registry's own words if it gave any.
        said: String,
        /// Whether credentials were found for the registry.
        known: bool,
    },
    /// The registry does not allow this user to do it.
    #[error("{doing}: the registry answered {said}")]
    Denied {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The registry as references name it, such as `docker.io`.
        registry: String,
        /// HTTP status, with the registry's own words if it gave any.
        said: String,
        /// Whether credentials were found for the registry.
        known: bool,
    },
    /// The registry has no such manifest.
    #[error("find image {reference}: the registry answered {said}")]
    NotFound {
        /// The requested image.
        reference: String,
        /// HTTP status, with the registry's own words if it gave any.
        said: String,
    },
    /// An error that says nothing about credentials or a missing image.
    #[error("{doing}: the registry answered {said}")]
    Answer {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// HTTP status, with the registry's own words if it gave any.
        said: String,
    },
    /// An answer that violates the protocol, exceeds a limit or must not be followed.
    #[error("{doing}: {what}")]
    Protocol {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The fault, a fragment.
        what: String,
    },
    /// The bytes do not have the digest that was requested or announced.
    #[error("{doing}: its bytes have the digest {found}, expected {expected}")]
    Digest {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The digest that was requested or announced.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The length is not the descriptor's.
    #[error("{doing}: it has {found} bytes, expected {expected}")]
    Size {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// Length in the descriptor, in bytes.
        expected: u64,
        /// Actual length, in bytes.
        found: u64,
    },
    /// A document is not a valid manifest or index.
    #[error("{doing}: {source}")]
    Manifest {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The fault, a fragment.
        source: ManifestError,
    },
    /// The config's blob is not a valid config.
    #[error("{doing}: {source}")]
    Config {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// The fault, a fragment.
        source: ConfigError,
    },
    /// The registry has no image for the platform under this name.
    #[error("read image {reference}: it is for {}, not for {wanted}", found.join(", "))]
    Platform {
        /// The requested image.
        reference: String,
        /// The requested platform.
        wanted: String,
        /// The platforms that there are images for.
        found: Vec<String>,
    },
    /// A file with credentials, or a program that keeps them, cannot be used.
    #[error("get the credentials for {registry} from {from}: {what}")]
    Credentials {
        /// The registry as references name it, such as `docker.io`.
        registry: String,
        /// Path of the file, or name of the program.
        from: String,
        /// The fault, a fragment.
        what: String,
    },
    /// A blob that was to be sent cannot be read from its own location.
    #[error("{doing}: read it from {reference}: {source}")]
    Source {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
        /// Location of the image that is being sent.
        reference: String,
        /// The error of reading.
        source: io::Error,
    },
    /// The request was cancelled by the caller.
    #[error("{doing}: cancelled")]
    Cancelled {
        /// The request, a fragment such as `read the manifest of localhost:5000/app:1`.
        doing: String,
    },
}

impl RegistryError {
    /// A sentence that says what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unauthorized {
                registry, known, ..
            }
            | Self::Denied {
                registry, known, ..
            } => Some(if *known {
                format!(
                    "check that this user has the permission, or log in again with `{}`",
                    login(registry)
                )
            } else {
                format!("log in with `{}`", login(registry))
            }),
            Self::Tls { host, .. } => Some(format!(
                "put the certificate of the authority into /etc/docker/certs.d/{host}/ca.crt, or accept any \
                 certificate with --insecure-registry {host}"
            )),
            Self::LeadsInside { host, .. } => Some(format!(
                "if the registry is in the same network, use its address there; if you trust {host}, add \
                 --insecure-registry {host}"
            )),
            Self::Connect { .. } => {
                Some("check the name and port of the registry, and that it is running".into())
            }
            Self::Platform { wanted, .. } => Some(format!(
                "choose one of them with --platform instead of {wanted}"
            )),
            Self::Credentials { from, .. } => Some(format!(
                "repair {from}, or log in again with `docker login`"
            )),
            _ => None,
        }
    }
}

/// The command that logs in; for Docker Hub it takes no name.
fn login(registry: &str) -> String {
    match registry {
        DOCKER_HUB => "docker login".to_owned(),
        other => format!("docker login {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_credentials_the_hint_says_how_to_log_in() {
        let error = RegistryError::Unauthorized {
            doing: "read the manifest of r.example/a:1".into(),
            registry: "r.example".into(),
            said: "401 Unauthorized: authentication required".into(),
            known: false,
        };
        assert!(
            error
                .to_string()
                .starts_with("read the manifest of r.example/a:1: ")
        );
        assert!(error.hint().unwrap().contains("docker login r.example"));
    }
}
