//! `cargo xtask setup`: everything that tests, fixtures and the demo need on a Debian machine.
//!
//! Asks first and installs only what is missing, so it is quick when all is there.

mod bridge;
mod daemon;
mod dive;
mod linker;
mod packages;

use anyhow::Result;

/// Installs the Debian packages, builds `bpf-linker` and starts a Docker daemon, where missing.
pub fn run() -> Result<()> {
    packages::install_missing()?;
    // Neither needs the other: the linker takes minutes to compile, the daemon seconds to answer.
    engine()?;
    linker::ensure_installed()
}

/// What images and their tests need, without the eBPF toolchain.
pub fn run_without_ebpf() -> Result<()> {
    packages::install_missing_for(&[packages::Group::Oci, packages::Group::Images])?;
    engine()
}

fn engine() -> Result<()> {
    daemon::ensure_running()?;
    bridge::keep_address()
}

/// What compiling for arm64 needs.
pub fn run_for_arm64() -> Result<()> {
    packages::install_missing_for(&[packages::Group::Arm64])
}

/// What making and running an image takes if there is no container engine.
pub fn run_without_engine() -> Result<()> {
    packages::install_missing_for(&[packages::Group::Oci])
}

/// What the tests of reports need.
pub fn run_for_reports() -> Result<()> {
    packages::install_missing_for(&[packages::Group::Reports])
}

pub use dive::ensure_dive;
pub use linker::{ensure_installed as ensure_bpf_linker, path as bpf_linker};
