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

/// Compiles `minify` and gives the program's path.
pub fn program(profile: Profile) -> Result<PathBuf> {
    // Without `--package`: that would compile dependencies again, with fewer features.
    let mut build = cargo(&["build", "--bin", "minify", "--bin", "minifier"]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    command::run(&mut build)?;
    let program = target_dir()?.join(folder).join("minify");
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
    // What the cargo that started this program says about its package is not about what is compiled now. Build scripts
    // that look at it (ring's does) would run again, and all that depends on them be compiled again, each time that
    // cargo is started here after it was started by hand, and the other way round.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(tells_about_a_package) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn tells_about_a_package(variable: &str) -> bool {
    const STARTS: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    variable == "CARGO_CRATE_NAME" || STARTS.iter().any(|start| variable.starts_with(start))
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    /// The tests are started by cargo, as `cargo xtask` is.
    #[test]
    fn cargo_started_here_is_not_told_about_this_package() {
        assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
        let cargo = cargo(&["build"]);
        let removed: Vec<&OsStr> = cargo
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"] {
            assert!(removed.contains(&OsStr::new(variable)), "{variable}");
        }
        assert!(!removed.contains(&OsStr::new("CARGO_TARGET_DIR")));
    }
}
