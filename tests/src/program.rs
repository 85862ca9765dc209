//! The program under test: where it is, and running it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use xtask::command;
use xtask::fixtures::Recipe;

use crate::{SlimImage, leftovers};

/// Names the program to test; `cargo xtask test` sets it.
const PROGRAM_VARIABLE: &str = "MINIFIER_TEST_PROGRAM";

/// The built program.
#[derive(Debug)]
pub struct Minifier {
    path: PathBuf,
}

/// What one run of the program did.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// What it left behind, one line each.
    pub leftovers: Vec<String>,
}

impl Minifier {
    /// Finds the program, compiling it first unless `cargo xtask test` did.
    pub fn find() -> Result<Self> {
        static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        match PATH.get_or_init(|| locate().map_err(|error| format!("{error:#}"))) {
            Ok(path) => Ok(Self { path: path.clone() }),
            Err(message) => Err(anyhow!("{message}")),
        }
    }

    /// A command for the program, with its temporary files in `temporary`.
    pub fn command(&self, temporary: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.env("TMPDIR", temporary).stdin(Stdio::null());
        command
    }

    /// `minify build` of a fixture, driven as its recipe says. Gives the report as well.
    ///
    /// Fails when the build fails, and when it leaves anything behind.
    pub fn build(&self, recipe: &Recipe, slim: &SlimImage, more: &[&str]) -> Result<Value> {
        let folder = TempDir::new()?;
        let report = folder.path().join("report.json");
        let mut options = vec!["--report".to_owned(), report.display().to_string()];
        options.extend(more.iter().map(|&option| option.to_owned()));
        let run = self.run_build(recipe, slim, &options)?;
        ensure!(
            run.code == 0,
            "minify build of {} exited with {}:\n{}",
            recipe.image(),
            run.code,
            command::tail(&run.stderr, 40)
        );
        ensure!(
            run.leftovers.is_empty(),
            "left behind: {}",
            run.leftovers.join(", ")
        );
        let text = fs::read_to_string(&report).context("read the report")?;
        serde_json::from_str(&text).context("read the report")
    }

    /// `minify build` of a fixture, driven as its recipe says, whatever comes of it.
    pub fn run_build(&self, recipe: &Recipe, slim: &SlimImage, more: &[String]) -> Result<Run> {
        self.run_with(recipe, |build| {
            build.args(["build", "--target", &recipe.image(), "--tag", slim.tag()]);
            build.args(&recipe.run).args(&recipe.build).args(more);
        })
    }

    /// The program with the options and the environment that `prepare` sets, in the recipe's folder, since the
    /// recipe's options name files there.
    pub fn run_with(&self, recipe: &Recipe, prepare: impl FnOnce(&mut Command)) -> Result<Run> {
        self.run_command(recipe, |_, temporary| {
            let mut command = self.command(temporary);
            prepare(&mut command);
            command
        })
    }

    /// A command of the caller's that gets the program and a folder for temporary files.
    pub fn run_command(
        &self,
        recipe: &Recipe,
        make: impl FnOnce(&Path, &Path) -> Command,
    ) -> Result<Run> {
        self.run_command_then(recipe, make, |_| Ok(()))
    }

    /// The same, with something to do while it runs.
    pub fn run_command_then(
        &self,
        recipe: &Recipe,
        make: impl FnOnce(&Path, &Path) -> Command,
        meanwhile: impl FnOnce(&mut Child) -> Result<()>,
    ) -> Result<Run> {
        let temporary = TempDir::new()?;
        let mut child = make(&self.path, temporary.path())
            .current_dir(recipe.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start minifier")?;
        let pid = child.id();
        let done = meanwhile(&mut child);
        let output = child.wait_with_output().context("wait for minifier")?;
        done?;
        Ok(Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            leftovers: leftovers::of_run(pid, temporary.path())?,
        })
    }
}

fn locate() -> Result<PathBuf> {
    if let Some(path) = env::var_os(PROGRAM_VARIABLE) {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "{PROGRAM_VARIABLE} names {}, which is no file",
            path.display()
        );
        return Ok(path);
    }
    // This runs as <target>/<profile>/deps/<test>.
    let executable = env::current_exe()?;
    let profile = executable
        .ancestors()
        .nth(2)
        .context("find the target folder")?;
    let Some(target) = profile.parent() else {
        bail!("find the target folder")
    };
    // Without `--package`: that would compile dependencies again, with fewer features.
    let mut cargo =
        xtask::cargo::cargo(&["build", "--quiet", "--bin", "minify", "--bin", "minifier"]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.arg("--target-dir").arg(target);
    command::capture(&mut cargo)?;
    Ok(profile.join("minify"))
}
