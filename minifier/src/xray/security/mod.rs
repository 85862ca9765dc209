//! What matters to security: secrets and certificates (found while files stream by), privileges, and what the config
//! and the history say.

mod capabilities;
mod certificates;
mod config;
mod findings;
mod keys;
mod patterns;
mod privileges;
mod secrets;

pub(crate) use certificates::{Certificate, der_certificate, pem_certificates};
pub(crate) use config::{masked_env, masked_step};
pub(crate) use findings::{Evidence, security};
pub(crate) use keys::der_private_key;
pub(crate) use patterns::SecretMatch;
pub(crate) use secrets::secrets;
