//! What matters to security: secrets and certificates (found while files stream by), privileges, and what the config
//! and the history say.

mod capabilities;
mod certificates;
mod commands;
mod config;
mod findings;
mod ignore;
mod keys;
mod logins;
mod mask;
mod names;
mod patterns;
mod places;
mod privileges;
mod secrets;
mod settings;
mod severity;
mod trees;
mod values;

pub(crate) use certificates::{Certificate, der_certificate, pem_certificates};
pub(crate) use findings::{Evidence, security};
pub use ignore::{IgnoreFileError, IgnoreList};
pub(crate) use keys::der_private_key;
pub(crate) use mask::Masker;
pub(crate) use patterns::SecretMatch;
pub(crate) use secrets::{database_secrets, secrets};
