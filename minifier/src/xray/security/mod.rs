//! Judges: what the facts of an image mean for its security. Secrets and certificates were detected while the files
//! streamed by; privileges, the config and the history are read here.

mod collected;
mod config;
mod findings;
mod ignore;
mod mask;
mod privileges;
mod provenance;
mod severity;
mod trees;

pub(crate) use findings::{FindingSources, security};
pub use ignore::{IgnoreFileError, IgnoreList};
pub(crate) use mask::Masker;
