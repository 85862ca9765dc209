//! `cargo xtask table`: sizes and times of every fixture, read from the reports of their builds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::cargo::{Profile, program};
use crate::docker::TemporaryImage;
use crate::fixtures::{self, Recipe};
use crate::{cache, command, setup};

/// Names the table's place in README.md.
const MARKER: &str = "table";

/// What the table needs of a build's report (`minify build --report`).
#[derive(Debug, Deserialize)]
struct Report {
    image: ImageSize,
    result: ImageSize,
    timings: Vec<Timing>,
}

/// An image with the bytes of its layers' files.
#[derive(Debug, Deserialize)]
struct ImageSize {
    size: u64,
}

/// How long a stage took.
#[derive(Debug, Deserialize)]
struct Timing {
    stage: String,
    seconds: f64,
}

/// Builds `recipes` one after the other with `given` or the release build, prints the table, and
/// with `write` puts it in README.md.
pub fn run(recipes: &[Recipe], given: Option<PathBuf>, write: bool) -> Result<()> {
    setup::run_without_ebpf()?;
    fixtures::ensure_all(recipes, false)?;
    let program = match given {
        Some(given) => given
            .canonicalize()
            .with_context(|| format!("find {}", given.display()))?,
        None => program(Profile::Release)?,
    };
    // The reports and the tags of the results have the same names in every run.
    let _lock = cache::lock("table")?;
    let folder = cache::subdir("reports")?;
    let mut table = header();
    for recipe in recipes {
        eprintln!("table: building {}", recipe.image());
        let report = folder.join(format!("{}.json", recipe.name));
        build(&program, recipe, &report)?;
        let text =
            fs::read_to_string(&report).with_context(|| format!("read {}", report.display()))?;
        let report = serde_json::from_str(&text)
            .with_context(|| format!("understand {}", report.display()))?;
        table += &row(&recipe.name, &report);
    }
    print!("{table}");
    if write {
        let readme = cache::workspace_root().join("README.md");
        let text = fs::read_to_string(&readme).context("read README.md")?;
        fs::write(&readme, insert_between(&text, MARKER, &table)?).context("write README.md")?;
    }
    Ok(())
}

fn build(program: &Path, recipe: &Recipe, report: &Path) -> Result<()> {
    let slim = TemporaryImage::new(format!("minifier-fixture/{}:slim-table", recipe.name));
    let mut build = Command::new(program);
    build.args([
        "build",
        "--quiet",
        "--target",
        &recipe.image(),
        "--tag",
        slim.name(),
    ]);
    build
        .args(&recipe.run)
        .args(&recipe.build)
        .arg("--report")
        .arg(report);
    command::capture(build.current_dir(recipe.folder())).map(drop)
}

fn header() -> String {
    "| Image | Original | Minified | Share | Seconds |\n|---|--:|--:|--:|--:|\n".to_owned()
}

fn row(name: &str, report: &Report) -> String {
    let (original, minified) = (report.image.size, report.result.size);
    let total = report.timings.iter().find(|timing| timing.stage == "total");
    format!(
        "| {name} | {} | {} | {:.0} % | {:.1} |\n",
        megabytes(original),
        megabytes(minified),
        minified as f64 * 100.0 / original.max(1) as f64,
        total.map_or(f64::NAN, |timing| timing.seconds),
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `text` with what is between `<!-- MARKER:begin -->` and `<!-- MARKER:end -->` replaced by `table`.
pub(crate) fn insert_between(text: &str, marker: &str, table: &str) -> Result<String> {
    let [start, end] = ["begin", "end"].map(|which| format!("<!-- {marker}:{which} -->"));
    let Some((before, rest)) = text.split_once(&start) else {
        bail!("there is no line {start}");
    };
    let Some((_, after)) = rest.split_once(&end) else {
        bail!("there is no line {end}");
    };
    Ok(format!("{before}{start}\n\n{table}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_is_read_from_a_report() {
        let report = serde_json::from_str(
            r#"{"image": {"size": 200000000, "id": "x"}, "result": {"size": 20000000},
                "timings": [{"stage": "read", "seconds": 1.0}, {"stage": "total", "seconds": 2.5}]}"#,
        );
        assert_eq!(
            row("web", &report.unwrap()),
            "| web | 200.0 MB | 20.0 MB | 10 % | 2.5 |\n"
        );
    }

    #[test]
    fn table_replaces_the_old_one() {
        let [start, end] = ["<!-- table:begin -->", "<!-- table:end -->"];
        let readme = format!("before\n{start}\nold\n{end}\nafter\n");
        let written = insert_between(&readme, MARKER, "new\n").unwrap();
        assert_eq!(written, format!("before\n{start}\n\nnew\n\n{end}\nafter\n"));
        assert_eq!(insert_between(&written, MARKER, "new\n").unwrap(), written);
        assert!(insert_between("no markers", MARKER, "new").is_err());
    }
}
