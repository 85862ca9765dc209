//! `bpf-linker`, compiled once into the cache folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cache, command};

const VERSION: &str = "0.13.0";
/// It must agree with the LLVM of Debian's `rustc-web`.
const LLVM: &str = "22";

/// Where the linker is, or will be once the set-up has run.
pub fn path() -> Result<PathBuf> {
    Ok(cache::dir()?.join("tools/bin/bpf-linker"))
}

/// Compiles `bpf-linker` unless the cache folder holds the right version. Takes about 5 minutes.
pub fn ensure_installed() -> Result<()> {
    if installed_version()?.as_deref() == Some(VERSION) {
        return Ok(());
    }
    eprintln!("setup: compiling bpf-linker {VERSION} (some minutes, once)");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "install",
        "bpf-linker",
        "--locked",
        "--force",
        "--no-default-features",
    ]);
    cargo.args(["--version", VERSION, "--features", &format!("llvm-{LLVM}")]);
    cargo.arg("--root").arg(cache::dir()?.join("tools"));
    // In the cache folder too, so that an interrupted build goes on where it was.
    let target = cache::dir()?.join("tools/target");
    cargo.arg("--target-dir").arg(&target);
    cargo.env("LLVM_PREFIX", format!("/usr/lib/llvm-{LLVM}"));
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR"] {
        cargo.env_remove(variable);
    }
    command::capture(cargo.current_dir(cache::dir()?)).context("compile bpf-linker")?;
    fs::remove_dir_all(&target).with_context(|| format!("remove {}", target.display()))
}

fn installed_version() -> Result<Option<String>> {
    let linker = path()?;
    if !linker.exists() {
        return Ok(None);
    }
    let printed = command::capture(Command::new(&linker).arg("--version"))
        .with_context(|| format!("ask {} for its version", linker.display()))?;
    Ok(printed.split_whitespace().last().map(str::to_owned))
}
