//! [`RegistryOptions`]: the user's choices for registries.

use std::path::PathBuf;
use std::time::Duration;

use super::credential_files::CredentialFiles;

/// Options for all registries of a run.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// `HOST` or `HOST:PORT` of registries that may be spoken to over plain HTTP, or over TLS with any certificate.
    pub insecure: Vec<String>,
    /// Folders laid out as `/etc/docker/certs.d`: `HOST[:PORT]/*.crt` are authorities, `*.cert` with `*.key` a
    /// certificate of ours. The first folder that has the host counts.
    pub certificates: Vec<PathBuf>,
    /// The files in which credentials are looked up.
    pub credentials: CredentialFiles,
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Time without a byte after which a connection counts as broken.
    pub stall: Duration,
    /// Number of attempts for a request that fails for a reason that may pass.
    pub attempts: u32,
    /// Number of blobs that are sent at the same time.
    pub parallel: usize,
    /// Longest body of an upload's request, in bytes; `None` sends each blob in one request. Reduced automatically if
    /// the registry refuses a body as too long.
    pub upload_chunk: Option<u64>,
}

impl RegistryOptions {
    /// The defaults, with the credential files that the environment names.
    pub fn from_env() -> Self {
        Self {
            insecure: Vec::new(),
            certificates: ["/etc/docker/certs.d", "/etc/containers/certs.d"]
                .map(PathBuf::from)
                .to_vec(),
            credentials: CredentialFiles::from_env(),
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            attempts: 5,
            parallel: 4,
            upload_chunk: None,
        }
    }
}
