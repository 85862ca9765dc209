//! Images for the benchmark: a fixture's, with a program or with many bytes added.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::docker::{TemporaryImage, docker};
use crate::{cache, command};

/// `base` with the static program `/storm`, whose rounds take seconds, so that little of it falls into the time when the
/// layers are read.
pub(crate) fn with_storm(base: &str) -> Result<TemporaryImage> {
    let context = folder()?;
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "-O", "-Ctarget-feature=+crt-static", "-o"]);
    rustc.arg(context.path().join("storm"));
    rustc.arg(cache::workspace_root().join("xtask/programs/storm.rs"));
    command::capture(&mut rustc)?;
    let dockerfile = format!(
        "FROM {base}\nUSER 0\nCOPY storm /storm\nENTRYPOINT [\"/storm\"]\nCMD [\"0\", \"64\"]\n"
    );
    build("storm", context.path(), &dockerfile)
}

/// `base` with so many more bytes that do not compress, in files of 100 kB.
pub(crate) fn with_bytes(base: &str, megabytes: usize) -> Result<TemporaryImage> {
    let context = folder()?;
    let data = context.path().join("data");
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for number in 0..megabytes * 10 {
        let folder = data.join(format!("{:03}", number / 100));
        fs::create_dir_all(&folder)?;
        let mut file = File::create(folder.join(format!("{number}.bin")))?;
        file.write_all(&noise.bytes(100_000))?;
    }
    let dockerfile = format!("FROM {base}\nCOPY data /data\n");
    build(&format!("mb{megabytes}"), context.path(), &dockerfile)
}

/// A folder for what is measured, removed when this is dropped.
pub(crate) fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(".bench-")
        .tempdir_in(cache::dir()?);
    folder.context("make a folder for the benchmark")
}

/// The archive that `docker save` makes of an image, in a folder; a former one is replaced.
pub(crate) fn saved(image: &str, folder: &Path) -> Result<PathBuf> {
    let archive = folder.join("image.tar");
    let mut save = docker();
    save.args(["save", "--output"]).arg(&archive).arg(image);
    command::capture(&mut save)?;
    Ok(archive)
}

fn build(tag: &str, context: &Path, dockerfile: &str) -> Result<TemporaryImage> {
    fs::write(context.join("Dockerfile"), dockerfile)?;
    let image = TemporaryImage::new(format!("minifier-bench/{tag}:{}", std::process::id()));
    let mut build = docker();
    build
        .args(["build", "--quiet", "--tag", image.name()])
        .arg(context);
    command::capture(&mut build)?;
    Ok(image)
}

/// xorshift64: bytes that no compressor makes smaller, the same in every run.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
