//! Images in a registry: [`pull`] reads one, [`push`] writes one.
//!
//! Built directly on `reqwest` and not on `oci-client`: that crate reads manifests, tokens and errors into memory
//! without a limit, follows redirections by itself, cannot ask how far an upload came, and does not read Docker's
//! credentials and certificates. With those parts written here, nothing of it would be left.
//!
//! Source: OCI distribution spec, `spec.md`; distribution, "Token Authentication Specification" and "OAuth2 Token
//! Authentication"; Docker, "Verify repository client with certificates".

#[cfg(feature = "registry")]
mod answer;
#[cfg(feature = "registry")]
mod auth;
#[cfg(feature = "registry")]
mod blobs;
#[cfg(feature = "registry")]
mod challenge;
mod credential_files;
#[cfg(feature = "registry")]
mod credentials;
#[cfg(feature = "registry")]
mod error;
#[cfg(feature = "registry")]
mod helper;
#[cfg(feature = "registry")]
mod insecure;
mod options;
#[cfg(feature = "registry")]
mod pull;
#[cfg(feature = "registry")]
mod push;
#[cfg(feature = "registry")]
mod reach;
#[cfg(feature = "registry")]
mod remote;
#[cfg(feature = "registry")]
mod retry;
#[cfg(feature = "registry")]
mod secret;
#[cfg(feature = "registry")]
mod session;
#[cfg(feature = "registry")]
mod source;
#[cfg(feature = "registry")]
mod tls;
#[cfg(feature = "registry")]
mod token;
#[cfg(feature = "registry")]
mod upload;
#[cfg(feature = "registry")]
mod web;

pub use credential_files::CredentialFiles;
#[cfg(feature = "registry")]
pub use error::RegistryError;
pub use options::RegistryOptions;
#[cfg(feature = "registry")]
pub use pull::pull;
#[cfg(feature = "registry")]
pub use push::{Pushed, push};
#[cfg(feature = "registry")]
pub use remote::Remote;
#[cfg(feature = "registry")]
pub use source::PushWatch;
