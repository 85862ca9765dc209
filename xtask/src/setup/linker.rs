//! `bpf-linker`, compiled once into the cache folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cache, command};

const FOLDER: &str = "tools";
/// With the LLVM of Debian's `rustc-web`, which the linker must agree with.
const KEY: &str = "bpf-linker-0.13.0-llvm-22";
const VERSION: &str = "0.13.0";
const LLVM: &str = "22";

/// Where the linker is, or will be once the set-up has run.
pub fn path() -> Result<PathBuf> {
    Ok(cache::dir()?.join(FOLDER).join(KEY).join("bin/bpf-linker"))
}

/// Compiles `bpf-linker` unless the cache folder holds this version. Takes about 5 minutes.
pub fn ensure_installed() -> Result<()> {
    cache::filled(FOLDER, KEY, |folder| {
        eprintln!("setup: compiling bpf-linker {VERSION} (some minutes, once)");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["install", "bpf-linker", "--locked", "--no-default-features"]);
        cargo.args(["--version", VERSION, "--features", &format!("llvm-{LLVM}")]);
        cargo.arg("--root").arg(folder);
        // Apart from what is installed, so that an interrupted build goes on where it was.
        let target = cache::dir()?.join(FOLDER).join("target");
        cargo.arg("--target-dir").arg(&target);
        cargo.env("LLVM_PREFIX", format!("/usr/lib/llvm-{LLVM}"));
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR"] {
            cargo.env_remove(variable);
        }
        command::capture(cargo.current_dir(folder)).context("compile bpf-linker")?;
        fs::remove_dir_all(&target).with_context(|| format!("remove {}", target.display()))
    })
    .map(drop)
}
