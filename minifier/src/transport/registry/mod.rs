//! Images in a registry: [`pull`] reads one, [`push`] writes one.
//!
//! Made directly on `reqwest`, not on `oci-client`: that crate reads manifests, tokens and errors into memory without
//! a limit, follows redirections by itself, cannot ask an upload how far it came, and takes neither credentials nor
//! certificates the way Docker has them. With those parts written here, nothing of it would be left.
//!
//! Source: OCI distribution spec, `spec.md`; distribution, "Token Authentication Specification" and "OAuth2 Token
//! Authentication"; Docker, "Verify repository client with certificates".

mod answer;
mod auth;
mod blobs;
mod challenge;
mod credentials;
mod error;
mod helper;
mod insecure;
mod options;
mod platforms;
mod pull;
mod push;
mod reach;
mod remote;
mod retry;
mod session;
mod source;
mod tls;
mod token;
mod upload;
mod web;

pub use credentials::CredentialFiles;
pub use error::RegistryError;
pub use options::RegistryOptions;
pub use pull::pull;
pub use push::{PushWatch, Pushed, push};
pub use remote::Remote;
