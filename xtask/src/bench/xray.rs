//! What an analysis takes that names every path in JSON and HTML: against `sha256sum` of the same file, against
//! `dive --ci`, and in memory by the number of files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Row;
use super::image::{folder, saved, with_bytes};
use super::measure::{Pairs, peak};
use crate::fixtures::image_name;
use crate::{cache, command, setup};

/// Pairs that are measured.
const PAIRS: usize = 5;

pub(crate) fn measure(program: &Path) -> Result<Vec<Row>> {
    let bench = Bench {
        program,
        dive: setup::ensure_dive()?,
        work: folder()?,
    };
    let mut rows = bench.time(
        &image_name("nginx"),
        "nginx fixture, 190 MB",
        [
            "xray to JSON and HTML of 200 MB, cached / sha256sum",
            "xray to JSON and HTML of 200 MB, not cached / sha256sum",
            "xray --ci --no-contents of 200 MB, cached / dive --ci",
            "xray --ci --no-contents of 200 MB, not cached / dive --ci",
        ],
    )?;
    let large = with_bytes(&image_name("java"), 600)?;
    rows.extend(bench.time(
        large.name(),
        "java fixture and 6,000 files of 100 kB, 1 GB",
        [
            "xray to JSON and HTML of 1 GB, cached / sha256sum",
            "xray to JSON and HTML of 1 GB, not cached / sha256sum",
            "xray --ci --no-contents of 1 GB, cached / dive --ci",
            "xray --ci --no-contents of 1 GB, not cached / dive --ci",
        ],
    )?);
    drop(large);
    for (files, what, aim) in [
        (
            10_000,
            "peak memory of xray to JSON and HTML, 10,000 files",
            "40 MB",
        ),
        (
            100_000,
            "peak memory of xray to JSON and HTML, 100,000 files",
            "120 MB",
        ),
        (
            300_000,
            "peak memory of xray to JSON and HTML, 300,000 files",
            "1 kB a file",
        ),
    ] {
        rows.push(bench.memory(files, what, aim)?);
    }
    Ok(rows)
}

struct Bench<'a> {
    program: &'a Path,
    dive: PathBuf,
    work: TempDir,
}

impl Bench<'_> {
    fn xray(&self, archive: &Path, options: &[&str]) -> Command {
        let mut xray = Command::new(self.program);
        xray.args(["xray", "--quiet", "--target"])
            .arg(format!("docker-archive:{}", archive.display()))
            .args(options);
        xray
    }

    /// The analysis written in the forms that name every path.
    fn every_path(&self, archive: &Path) -> Command {
        let mut xray = self.xray(archive, &[]);
        for (form, file) in [("json", "report.json"), ("html", "report.html")] {
            let file = self.work.path().join(file);
            xray.arg(format!("--output={form}={}", file.display()));
        }
        xray
    }

    /// Everything against `sha256sum`, and sizes alone against `dive`; each with and without the page cache.
    fn time(&self, image: &str, from: &str, what: [&'static str; 4]) -> Result<Vec<Row>> {
        let archive = saved(image, self.work.path())?;
        let everything = || self.every_path(&archive);
        let sum = || {
            let mut sum = Command::new("sha256sum");
            sum.arg(&archive);
            sum
        };
        // Rules that both have, and that hold, also by the way in which dive counts.
        let sizes = || self.xray(&archive, &["--ci", "--no-contents", "--secrets=off"]);
        let dive = || {
            let mut dive = Command::new(&self.dive);
            dive.args(["--ci", "--lowestEfficiency=0.9"])
                .args(["--highestUserWastedPercent=0.9", "--source=docker-archive"])
                .arg(&archive);
            dive
        };
        let row = |what, aim, pairs: Pairs| Row {
            what,
            value: pairs.ratio(),
            aim,
            from: pairs.seconds(from),
        };
        let rows = vec![
            row(what[0], "0.70", pairs(&archive, true, everything, sum)?),
            row(what[1], "0.70", pairs(&archive, false, everything, sum)?),
            row(what[2], "below 1", pairs(&archive, true, sizes, dive)?),
            row(what[3], "below 1", pairs(&archive, false, sizes, dive)?),
        ];
        fs::remove_file(&archive).context("remove the archive")?;
        Ok(rows)
    }

    fn memory(&self, files: usize, what: &'static str, aim: &'static str) -> Result<Row> {
        let archive = self.work.path().join("files.tar");
        many_files(&archive, files)?;
        let start = Instant::now();
        let peak = peak(&mut self.every_path(&archive))?;
        let seconds = start.elapsed().as_secs_f64();
        fs::remove_file(&archive).context("remove the archive")?;
        Ok(Row {
            what,
            value: format!("{:.0} MB", peak as f64 / 1e6),
            aim,
            from: format!(
                "{:.1} kB a file, {seconds:.1} s; one layer of small text files",
                peak as f64 / 1e3 / files as f64
            ),
        })
    }
}

/// Pairs of seconds that two commands take, one after the other.
fn pairs(
    archive: &Path,
    cached: bool,
    measured: impl Fn() -> Command,
    against: impl Fn() -> Command,
) -> Result<Pairs> {
    let timed = |mut command: Command| -> Result<f64> {
        if cached {
            io::copy(&mut File::open(archive)?, &mut io::sink())?;
        } else {
            evict(archive)?;
        }
        let start = Instant::now();
        command::capture(&mut command)?;
        Ok(start.elapsed().as_secs_f64())
    };
    let mut pairs = Pairs::default();
    for _ in 0..PAIRS {
        pairs.add(timed(measured())?, timed(against())?);
    }
    Ok(pairs)
}

/// Lets the page cache forget a file.
fn evict(file: &Path) -> Result<()> {
    let file = File::open(file)?;
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed).context("drop the archive from the page cache")
}

/// A docker-archive of an image whose layer has so many files, each with a line of text of its own.
fn many_files(archive: &Path, files: usize) -> Result<()> {
    let mut layer = tempfile::NamedTempFile::new_in(cache::dir()?)?;
    let mut tar = tar::Builder::new(io::BufWriter::new(layer.as_file_mut()));
    for number in 0..files {
        let text = format!("this is file {number} of {files}\n");
        let path = format!(
            "srv/data/{:03}/{:02}/file-{number}.txt",
            number / 1000,
            number / 50 % 20
        );
        append(&mut tar, &path, text.as_bytes())?;
    }
    tar.into_inner()?.flush()?;
    // At most some hundred megabytes.
    let digest = hex::encode(Sha256::digest(fs::read(layer.path())?));
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/srv/data/000/00/file-0.txt"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let config = config.to_string();
    let name = format!("{}.json", hex::encode(Sha256::digest(&config)));
    let manifest = json!([{"Config": name, "RepoTags": ["files:latest"], "Layers": ["layer.tar"]}]);
    let mut out = tar::Builder::new(File::create(archive)?);
    out.append_path_with_name(layer.path(), "layer.tar")?;
    append(&mut out, &name, config.as_bytes())?;
    append(&mut out, "manifest.json", manifest.to_string().as_bytes())?;
    out.finish().context("write the archive")
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, bytes: &[u8]) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, path, bytes)
        .with_context(|| format!("write {path}"))
}
