//! Detectors of what is in the bytes of a file, a text or an attribute. They take untrusted bytes and return facts;
//! the meaning of a fact for an image is judged in [`security`](super::security) and [`binaries`](super::binaries).

mod buildinfo;
mod capabilities;
mod certificates;
mod commands;
mod java;
mod keys;
mod kinds;
mod lines;
mod logins;
mod names;
mod patterns;
mod protection;
mod secrets;
mod settings;
mod values;

pub(crate) use buildinfo::{BuildInfo, Module, build_info, is_rust};
pub(crate) use capabilities::capabilities;
pub(crate) use certificates::{Certificate, der_certificate, pem_certificates};
pub(crate) use commands::{CommandSecret, command_secrets, masked as masked_command, word_secrets};
pub(crate) use java::{ArchiveManifest, JavaArchive, is_java_archive, java_archives};
pub(crate) use keys::der_private_key;
pub(crate) use kinds::{is_library_name, is_text, kind_by_name, kind_of};
pub(crate) use names::{is_secret_name, is_secret_variable, variable};
pub(crate) use patterns::{SecretConfidence, SecretHit, SecretKind, SecretMatch, hits};
pub(crate) use protection::{ElfTables, Protection, protection};
pub(crate) use secrets::{database_secrets, secrets, url_password};
