//! Fixtures for a machine: the image as an OCI layout, with the recipe that says how it is run and driven.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Arch;
use super::initramfs::Initramfs;
use crate::fixtures::{self, Recipe};
use crate::{cache, command, setup};

/// What a machine needs without any fixture, in MiB.
pub(crate) const MEMORY: u64 = 1536;
/// How often a fixture is in memory: as the initramfs, unpacked from it, unpacked from its layers in a file system that
/// may have half of all memory, and what its processes and the result take.
const TIMES: u64 = 5;

/// Those that are compared where time is short: one of the smallest.
pub(crate) const FEW: [&str; 1] = ["traps"];

/// The recipes named, or all, whose images the daemon has then.
pub(crate) fn get(arch: Arch, names: &[String]) -> Result<Vec<Recipe>> {
    ensure!(
        arch == Arch::Amd64,
        "the fixtures' images are made for {} only",
        Arch::Amd64.debian()
    );
    let recipes = fixtures::select(names)?;
    setup::run_without_ebpf()?;
    fixtures::ensure_all(&recipes, false)?;
    Ok(recipes)
}

/// Puts a fixture into a machine, where `guest` finds it; the memory in MiB that it needs then.
pub(crate) fn put(minifier: &Path, recipe: &Recipe, archive: &mut Initramfs) -> Result<u64> {
    let folder = tempfile::tempdir_in(cache::subdir("kernels")?)?;
    let layout = folder.path().join("layout");
    let mut copy = Command::new(minifier);
    copy.args(["--quiet", "copy"])
        .arg(format!("docker-daemon:{}", recipe.image()))
        .arg(format!("oci:{}:original", layout.display()))
        .args(["--compression", "none"]);
    command::capture(&mut copy).with_context(|| format!("copy {}", recipe.image()))?;
    let within = format!("/fixtures/{}", recipe.name);
    archive.tree(&recipe.folder(), &format!("{within}/recipe"))?;
    archive.tree(&layout, &format!("{within}/layout"))?;
    Ok(MEMORY + TIMES * megabytes(&layout)?)
}

/// What the files below a folder take.
fn megabytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path())
            } else {
                bytes += metadata.len()
            }
        }
    }
    Ok(bytes.div_ceil(1 << 20))
}
