//! [`Emulator`]: QEMU 10, the system's own or unpacked from Debian's backports into the cache.
//!
//! QEMU 7.2 of Debian 12 crashes some guests with kernel 6.12, and installing a newer one would replace other packages.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Arch;
use super::apt::{Apt, system_suites};
use crate::{cache, command};

const OLDEST: u32 = 10;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    program: PathBuf,
    /// Root of the unpacked packages; none for the system's own.
    root: Option<PathBuf>,
}

impl Emulator {
    /// Finds it, or fetches it once.
    pub(crate) fn get(arch: Arch) -> Result<Self> {
        let (package, program) = arch.emulator();
        if version(&mut Command::new(program)).is_some_and(|version| version >= OLDEST) {
            return Ok(Self {
                program: program.into(),
                root: None,
            });
        }
        let root = cache::filled("kernels/emulator", arch.debian(), |folder| {
            eprintln!("kernels: fetching {package}");
            let mut suites = system_suites()?;
            let backports = format!("{}-backports", suites[0]);
            suites.push(backports.clone());
            let apt = Apt::new("emulator", "amd64", &suites)?;
            apt.unpack_with_needs(package, &backports, folder)
        })?;
        let emulator = Self {
            program: root.join("usr/bin").join(program),
            root: Some(root),
        };
        version(&mut emulator.command())
            .filter(|version| *version >= OLDEST)
            .with_context(|| format!("{} does not start", emulator.program.display()))?;
        Ok(emulator)
    }

    /// A command that finds its libraries and firmware.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(root) = &self.root {
            let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
            let libraries = libraries.map(|folder| root.join(folder).display().to_string());
            command.env("LD_LIBRARY_PATH", libraries.join(":"));
            for firmware in ["usr/share/qemu", "usr/share/seabios"] {
                command.arg("-L").arg(root.join(firmware));
            }
        }
        command
    }
}

/// The first number of what `--version` prints; `None` if it does not start.
fn version(emulator: &mut Command) -> Option<u32> {
    let printed = command::capture(emulator.arg("--version")).ok()?;
    let (_, version) = printed.split_once("version ")?;
    version.split('.').next()?.parse().ok()
}
