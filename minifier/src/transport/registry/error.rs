//! [`RegistryError`]: why an image cannot be read from or written to a registry.

use std::io;
use std::path::PathBuf;

use crate::image::{ConfigError, DOCKER_HUB, Digest, ManifestError};

/// Why an image cannot be read from or written to a registry. `doing` is always a fragment that names the object,
/// such as `read the manifest of localhost:5000/app:1`. No variant holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The reference names nothing in a registry, or not what can be written to.
    #[error("use {reference} as a name in a registry: {what}")]
    Reference {
        /// What was given.
        reference: String,
        /// What is wrong.
        what: String,
    },
    /// An insecure registry was declared by something else than a host.
    #[error("use {entry:?} as an insecure registry: expected HOST or HOST:PORT")]
    Insecure {
        /// What was given.
        entry: String,
    },
    /// Nobody answers.
    #[error("connect to the registry at {host}: {what}")]
    Connect {
        /// Host and port.
        host: String,
        /// What the connection said.
        what: String,
    },
    /// No TLS connection that can be trusted.
    #[error("make a TLS connection to {host}: {what}")]
    Tls {
        /// Host and port.
        host: String,
        /// What is wrong.
        what: String,
    },
    /// The registry leads to an address that it has nothing to do with.
    #[error("connect to {host}: the registry leads there, and {what}, unlike the registry's own")]
    LeadsInside {
        /// Host and port.
        host: String,
        /// What is wrong with its address.
        what: String,
    },
    /// A file of `certs.d` cannot be used.
    #[error("read the certificates in {}: {what}", path.display())]
    Certificates {
        /// File or folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The connection broke, or the registry was not able to answer, as often as it was tried.
    #[error("{doing}: {what} (tried {attempts} times)")]
    Broken {
        /// What was done.
        doing: String,
        /// What happened the last time.
        what: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The registry wants to know who it is, or did not take the credentials.
    #[error("{doing}: the registry answered {said}")]
    Unauthorized {
        /// What was done.
        doing: String,
        /// The registry as references name it.
        registry: String,
        /// The registry's words.
        said: String,
        /// Whether credentials were found.
        known: bool,
    },
    /// The registry refuses it to this user.
    #[error("{doing}: the registry answered {said}")]
    Denied {
        /// What was done.
        doing: String,
        /// The registry as references name it.
        registry: String,
        /// The registry's words.
        said: String,
        /// Whether credentials were found.
        known: bool,
    },
    /// There is no such manifest.
    #[error("find image {reference}: the registry answered {said}")]
    NotFound {
        /// What was asked for.
        reference: String,
        /// The registry's words.
        said: String,
    },
    /// Another answer than what the request is for.
    #[error("{doing}: the registry answered {said}")]
    Answer {
        /// What was done.
        doing: String,
        /// HTTP status and the registry's words.
        said: String,
    },
    /// An answer that makes no sense or may not be followed.
    #[error("{doing}: {what}")]
    Protocol {
        /// What was done.
        doing: String,
        /// What is wrong.
        what: String,
    },
    /// Bytes with another digest than what was asked for or announced.
    #[error("{doing}: its bytes have the digest {found}, expected {expected}")]
    Digest {
        /// What was done.
        doing: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        found: Digest,
    },
    /// Another length than the descriptor's.
    #[error("{doing}: it has {found} bytes, expected {expected}")]
    Size {
        /// What was done.
        doing: String,
        /// Bytes in the descriptor.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The manifest or index is none.
    #[error("{doing}: {source}")]
    Manifest {
        /// What was done.
        doing: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// The config is none.
    #[error("{doing}: {source}")]
    Config {
        /// What was done.
        doing: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// No image for the platform.
    #[error("read image {reference}: it is for {}, not for {wanted}", found.join(", "))]
    Platform {
        /// What was asked for.
        reference: String,
        /// The platform that was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// A file with credentials, or a program that keeps them, cannot be used.
    #[error("get the credentials for {registry} from {from}: {what}")]
    Credentials {
        /// The registry as references name it.
        registry: String,
        /// File or program.
        from: String,
        /// What is wrong.
        what: String,
    },
    /// What is to be sent cannot be read.
    #[error("{doing}: read it from {reference}: {source}")]
    Source {
        /// What was done.
        doing: String,
        /// Where the image comes from.
        reference: String,
        /// What reading said.
        source: io::Error,
    },
    /// It was cancelled.
    #[error("{doing}: cancelled")]
    Cancelled {
        /// What was done.
        doing: String,
    },
}

impl RegistryError {
    /// What the user can do about it, a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unauthorized {
                registry, known, ..
            }
            | Self::Denied {
                registry, known, ..
            } => Some(if *known {
                format!(
                    "Check that this user may do that, or log in again with \"{}\".",
                    login(registry)
                )
            } else {
                format!("Log in with \"{}\".", login(registry))
            }),
            Self::Tls { host, .. } => Some(format!(
                "Put the authority's certificate into /etc/docker/certs.d/{host}/ca.crt, or give --insecure-registry {host} \
                 to do without."
            )),
            Self::LeadsInside { host, .. } => Some(format!(
                "If the registry is inside the same network, name it by its address there; if {host} is to be trusted \
                 all the same, give --insecure-registry {host}."
            )),
            Self::Connect { .. } => {
                Some("Check the registry's name and port, and that it is running.".into())
            }
            Self::Platform { wanted, .. } => Some(format!(
                "Choose one of them with --platform instead of {wanted}."
            )),
            Self::Credentials { from, .. } => Some(format!(
                "Repair {from}, or log in again with \"docker login\"."
            )),
            _ => None,
        }
    }
}

/// The command that logs in; without a name it means the default registry.
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
    fn who_has_no_credentials_is_told_how_to_log_in() {
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
