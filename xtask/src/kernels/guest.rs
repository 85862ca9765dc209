//! What runs in the machine: the tests' `guest` as its first process, `minifier`, the programs that are traced.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Arch;
use super::initramfs::Initramfs;
use crate::cargo::{cargo, target_dir};
use crate::{cache, command};

/// Programs that are traced, and their sources below tests/programs.
const PROGRAMS: [(&str, &str); 2] = [
    ("conformance", "conformance/main.rs"),
    ("storm", "storm.rs"),
];

/// All that does not depend on the kernel.
pub(super) fn build(arch: Arch) -> Result<Initramfs> {
    let folder = tempfile::tempdir_in(cache::subdir("kernels")?)?;
    let mut archive = Initramfs::default();
    let built = compile()?;
    for (name, to) in [("guest", "/init"), ("minifier", "/bin/minifier")] {
        let stripped = folder.path().join(name);
        let mut strip = Command::new("strip");
        strip
            .arg("--strip-debug")
            .arg("-o")
            .args([&stripped, &built.join(name)]);
        command::capture(&mut strip)?;
        archive.file(&stripped, to)?;
    }
    for library in libraries(&built.join("guest"))? {
        let to = library.to_str().context("a path that is no text")?;
        archive.file(&library, to)?;
    }
    for (name, source) in PROGRAMS {
        let program = folder.path().join(name);
        compile_program(arch, source, &program)?;
        archive.file(&program, &format!("/programs/{name}"))?;
    }
    Ok(archive)
}

/// Compiles `guest` and `minifier`; gives the folder that they are in.
fn compile() -> Result<PathBuf> {
    command::run(&mut cargo(&[
        "build", "--bin", "guest", "--bin", "minifier",
    ]))?;
    Ok(target_dir()?.join("debug"))
}

/// The libraries of a program of this system and its loader.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let printed = command::capture(Command::new("ldd").arg(program))?;
    let words = printed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    let libraries: Vec<PathBuf> = words.map(PathBuf::from).collect();
    ensure!(
        !libraries.is_empty(),
        "{} needs no libraries?",
        program.display()
    );
    Ok(libraries)
}

fn compile_program(arch: Arch, source: &str, program: &Path) -> Result<()> {
    let source = cache::workspace_root().join("tests/programs").join(source);
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args([
        "--edition",
        "2024",
        "-O",
        "-C",
        "target-feature=+crt-static",
    ]);
    rustc.args(["-C", "strip=symbols", "--target", arch.target()]);
    command::capture(rustc.arg("-o").args([program, &source])).map(drop)
}
