//! Calling cargo on this source tree, always with the same target folder.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{cache, command};

/// How the program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quickly.
    Dev,
    /// As people use it.
    Release,
}

/// Compiles `minifier` and gives the program's path.
pub fn program(profile: Profile) -> Result<PathBuf> {
    // Without `--package`: that would compile dependencies again, with fewer features.
    let mut build = cargo(&["build", "--bin", "minifier"]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    command::run(&mut build)?;
    let program = target_dir()?.join(folder).join("minifier");
    if !program.is_file() {
        bail!("cargo built no {}", program.display());
    }
    Ok(program)
}

/// `cargo` in the source tree, with one target folder for everything that is run here.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).current_dir(cache::workspace_root());
    if let Ok(target) = target_dir() {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    cargo
}

/// Where cargo puts what it compiles: `CARGO_TARGET_DIR`, or a folder of the cache in CI, where
/// a fresh clone then finds the compiled dependencies, or `target`.
pub(crate) fn target_dir() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(folder) => Ok(env::current_dir()
            .context("find the working folder")?
            .join(folder)),
        None if env::var("CI").is_ok_and(|value| value == "true") => cache::subdir("target"),
        None => Ok(cache::workspace_root().join("target")),
    }
}
