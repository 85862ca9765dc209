//! The bundle's `config.json`: an image's config and the options in the form of the OCI runtime spec, with the settings of
//! Docker.
//!
//! Source: OCI runtime spec 1.0.2, `config.md` and `config-linux.md`; Docker's `daemon/oci_linux.go`.

mod build;
mod caps;
mod command;
mod mounts;
mod seccomp;
#[cfg(test)]
mod tests;
mod users;

use oci_spec::OciSpecError;

use crate::runtime::error::RuntimeError;

pub(crate) use build::{SpecRequest, build, exec_process};
pub(crate) use caps::names as capability_names;
pub(crate) use command::{ContainerCommand, environment};
pub(crate) use mounts::{Network, Storage, StoragePlace, Volumes, plan_storage};
pub(crate) use users::resolve;

/// A spec that cannot be built.
fn failed(error: OciSpecError) -> RuntimeError {
    RuntimeError::Host {
        action: "make the container's config.json".to_owned(),
        source: std::io::Error::other(error),
    }
}
