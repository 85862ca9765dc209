//! What working without a daemon takes, against the tools that people use for the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::Row;
use super::image::{folder, saved, with_bytes};
use super::measure::{Pairs, build};
use crate::container::Container;
use crate::fixtures::{Recipe, image_name};
use crate::{command, http};

/// Pairs that are measured.
const PAIRS: usize = 3;
/// The same for containers, which are quick.
const STARTS: usize = 7;

pub(crate) fn measure(program: &Path) -> Result<Vec<Row>> {
    let bench = Bench {
        program,
        work: folder()?,
    };
    Ok(vec![bench.copy()?, bench.unpack()?, bench.start()?])
}

struct Bench<'a> {
    program: &'a Path,
    work: TempDir,
}

impl Bench<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Seconds that a command takes; the folder `to` is removed before and after.
    fn timed(&self, to: &str, command: &mut Command) -> Result<f64> {
        let to = self.path(to);
        let clean = || {
            if to.exists() {
                fs::remove_dir_all(&to).context("clean up")
            } else {
                Ok(())
            }
        };
        clean()?;
        let start = Instant::now();
        command::capture(command)?;
        let seconds = start.elapsed().as_secs_f64();
        clean()?;
        Ok(seconds)
    }

    /// A docker-archive into an OCI layout, compressed with gzip.
    fn copy(&self) -> Result<Row> {
        let archive = saved(&image_name("node-express"), self.work.path())?;
        let from = format!("docker-archive:{}", archive.display());
        let to = format!("oci:{}:x", self.path("layout").display());
        let mut pairs = Pairs::default();
        for _ in 0..PAIRS {
            let own = self.timed(
                "layout",
                Command::new(self.program).args(["copy", &from, &to]),
            )?;
            let skopeo = self.timed("layout", Command::new("skopeo").args(["copy", &from, &to]))?;
            pairs.add(own, skopeo);
        }
        Ok(Row {
            what: "copy docker-archive to OCI layout with gzip / skopeo",
            value: pairs.ratio(),
            aim: "0.50",
            from: pairs.seconds("node-express fixture"),
        })
    }

    /// Layers into the cache, against `tar` of the same layers.
    fn unpack(&self) -> Result<Row> {
        let image = with_bytes(&image_name("static"), 1000)?;
        let archive = saved(image.name(), self.work.path())?;
        let layers = self.path("layers");
        fs::create_dir_all(&layers)?;
        let mut extract = Command::new("tar");
        extract.arg("--extract").arg("--file").arg(&archive);
        command::capture(extract.arg("--directory").arg(&layers))?;
        let tars = layer_tars(&layers)?;
        let target = format!("docker-archive:{}", archive.display());
        let mut pairs = Pairs::default();
        for _ in 0..PAIRS {
            let cache = self.path("cache");
            let options = ["--cache-dir", &cache.display().to_string()];
            let built = build(self.program, &target, &options)?;
            fs::remove_dir_all(&cache).context("clean up")?;
            let mut script = String::from("set -e\n");
            for tar in &tars {
                script += &format!("tar -x -f {} -C {}\n", tar.display(), cache.display());
            }
            fs::create_dir(&cache)?;
            let start = Instant::now();
            command::capture(Command::new("sh").args(["-c", &script]))?;
            let tar = start.elapsed().as_secs_f64();
            fs::remove_dir_all(&cache).context("clean up")?;
            pairs.add(built.report.seconds("unpack"), tar);
        }
        Ok(Row {
            what: "unpack layers into the cache / tar -x",
            value: pairs.ratio(),
            aim: "1.00",
            from: pairs.seconds("image of 1 GB"),
        })
    }

    /// From the request to create a container to the first answer over HTTP.
    fn start(&self) -> Result<Row> {
        let recipe = Recipe::load("nginx")?;
        let port = recipe.port.context("the fixture has a port")?;
        let archive = saved(&recipe.image(), self.work.path())?;
        let target = format!("docker-archive:{}", archive.display());
        let cache = self.path("warm").display().to_string();
        let options = ["--cache-dir", &cache, "--http-probe", "/"];
        // Layers are unpacked once.
        build(self.program, &target, &options)?;
        let mut pairs = Pairs::default();
        for _ in 0..STARTS {
            let report = build(self.program, &target, &options)?.report;
            let own =
                report.seconds("create") + report.seconds("start") + report.probe.first_answer();
            let start = Instant::now();
            let container = Container::serve(&recipe.image(), &recipe.docker_run, port)?;
            let address = container.address(port)?;
            while http::request(address, "GET", "/", None, "").is_err() {
                anyhow::ensure!(start.elapsed().as_secs() < 30, "nginx does not answer");
            }
            pairs.add(own, start.elapsed().as_secs_f64());
        }
        Ok(Row {
            what: "container's creation to first HTTP answer, runc / docker run",
            value: pairs.ratio(),
            aim: "0.33",
            from: pairs.seconds("nginx fixture"),
        })
    }
}

/// The layers of an unpacked docker-archive.
fn layer_tars(folder: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(folder.join("manifest.json")).context("read manifest.json")?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let layers = manifest[0]["Layers"].as_array().context("layers")?;
    layers
        .iter()
        .map(|layer| Ok(folder.join(layer.as_str().context("a layer's name")?)))
        .collect()
}
