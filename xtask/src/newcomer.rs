//! What somebody with a fresh checkout does, with an empty cache folder: set-up, demo, fixtures, kernels.
//!
//! Warm caches hide races between commands that fill them, and steps that only worked once. Debian packages that are
//! installed and a Docker daemon that runs stay as they are.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo::target_dir;
use crate::{cache, command};

/// In the order in which the README and CONTRIBUTING.md name them.
const COMMANDS: [&[&str]; 4] = [
    &["setup"],
    &["demo"],
    &["fixtures", "--force"],
    &["test", "--tier", "kernels"],
];

/// Runs the commands; the first that fails ends it. The cache folder is removed afterwards.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("newcomer-")
        .tempdir_in(cache::dir()?)?;
    let program = env::current_exe().context("find this program")?;
    for arguments in COMMANDS {
        let mut xtask = Command::new(&program);
        xtask
            .args(arguments)
            .env("XDG_CACHE_HOME", folder.path())
            // Compiling everything again would show nothing about the cache.
            .env("CARGO_TARGET_DIR", target_dir()?);
        eprintln!("\n$ cargo xtask {}", arguments.join(" "));
        command::run(&mut xtask)?;
    }
    Ok(())
}
