//! Compiling for the emulated machine: with the toolchain at hand for this one, with Debian's compiler and its standard
//! library for arm64 (rustup's library is not needed, and Debian's need not be installed: it is unpacked into the cache).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Arch;
use super::apt::{Apt, system_suites};
use crate::cargo::{cargo, target_dir};
use crate::{cache, command, setup};

/// Debian's compiler; the one on the path may be another.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Debian's package with the standard library.
const LIBRARY: &str = "libstd-rust-web-dev";
const CROSS_LINKER: &str = "aarch64-linux-gnu-gcc";

/// Programs for one machine.
pub(crate) struct Compiler {
    arch: Arch,
    /// Where the standard library for that machine is; none for this one.
    sysroot: Option<PathBuf>,
}

impl Compiler {
    /// Installs or unpacks what is missing.
    pub(crate) fn new(arch: Arch) -> Result<Self> {
        let sysroot = match arch {
            Arch::Amd64 => None,
            Arch::Arm64 => {
                setup::run_for_arm64()?;
                Some(sysroot(arch)?)
            }
        };
        Ok(Self { arch, sysroot })
    }

    /// Compiles programs of the workspace; gives the folder that they are in.
    pub(crate) fn workspace(&self, programs: &[&str]) -> Result<PathBuf> {
        let mut build = cargo(&["build"]);
        for program in programs {
            build.args(["--bin", program]);
        }
        let Some(sysroot) = &self.sysroot else {
            command::run(&mut build)?;
            return Ok(target_dir()?.join("debug"));
        };
        let target = target_dir()?.join("arm64");
        build
            .args(["--target", self.arch.target()])
            .arg("--target-dir")
            .arg(&target);
        let variable = |what: &str| {
            let name = self.arch.target().to_uppercase().replace('-', "_");
            format!("CARGO_TARGET_{name}_{what}")
        };
        build
            .env("RUSTC", DEBIAN_RUSTC)
            .env(variable("LINKER"), CROSS_LINKER);
        build.env(variable("RUSTFLAGS"), sysroot_flag(sysroot));
        for foreign in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            build.env_remove(foreign);
        }
        command::run(&mut build)?;
        Ok(target.join(self.arch.target()).join("debug"))
    }

    /// Compiles one source file into a static program.
    pub(crate) fn program(&self, source: &Path, program: &Path) -> Result<()> {
        let mut rustc = match &self.sysroot {
            None => Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
            Some(sysroot) => {
                let mut rustc = Command::new(DEBIAN_RUSTC);
                rustc.arg(sysroot_flag(sysroot));
                rustc.args(["-C", &format!("linker={CROSS_LINKER}")]);
                rustc
            }
        };
        rustc.args(["--edition", "2024", "-O", "--target", self.arch.target()]);
        rustc.args(["-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
        command::capture(rustc.arg("-o").args([program, source])).map(drop)
    }

    /// Copies a program without its debug information.
    pub(crate) fn strip(&self, from: &Path, to: &Path) -> Result<()> {
        let strip = match self.arch {
            Arch::Amd64 => "strip",
            Arch::Arm64 => "aarch64-linux-gnu-strip",
        };
        let mut strip = Command::new(strip);
        command::capture(strip.arg("--strip-debug").arg("-o").args([to, from])).map(drop)
    }
}

fn sysroot_flag(sysroot: &Path) -> OsString {
    let mut flag = OsString::from("--sysroot=");
    flag.push(sysroot);
    flag
}

/// The standard library of the very version that Debian's compiler is.
fn sysroot(arch: Arch) -> Result<PathBuf> {
    let mut query = Command::new("dpkg-query");
    let version = command::capture(query.args(["--show", "--showformat", "${Version}", LIBRARY]))
        .context("which version of Debian's compiler is installed")?;
    let key = version.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    cache::filled(
        &format!("kernels/sysroot-{}", arch.debian()),
        &key,
        |folder| {
            eprintln!("kernels: fetching {LIBRARY} for {}", arch.debian());
            let apt = Apt::new("system", arch.debian(), &system_suites()?)?;
            let unpacked = tempfile::tempdir_in(folder)?;
            apt.unpack(&[format!("{LIBRARY}={version}")], unpacked.path())?;
            std::fs::create_dir(folder.join("lib"))?;
            std::fs::rename(
                unpacked.path().join("usr/lib/rustlib"),
                folder.join("lib/rustlib"),
            )
            .context("take the standard library")
        },
    )
}
