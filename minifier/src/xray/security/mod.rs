//! What matters to security: secrets and certificates (found while files stream by), privileges, and what the config
//! and the history say.

mod certificates;
mod config;
mod keys;
mod patterns;
mod secrets;

pub(crate) use certificates::{Certificate, der_certificate, pem_certificates};
pub(crate) use config::{env_secret, masked_env, masked_step, step_secrets};
pub(crate) use keys::der_private_key;
pub(crate) use patterns::{Confidence, SecretKind, SecretMatch};
pub(crate) use secrets::secrets;
