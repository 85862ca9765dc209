//! Tracing containers that the tests start with Docker's command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use minifier::trace::{Trace, TraceOptions, Tracer};
use xtask::command;
use xtask::docker::docker;

/// Runs Docker's client and gives its standard output without the line end.
pub fn docker_output(args: &[&str]) -> Result<String> {
    Ok(command::capture(docker().args(args))?.trim_end().to_owned())
}

/// A container that is removed when dropped.
pub struct Container {
    /// Its id.
    pub id: String,
}

impl Container {
    /// `docker create` with these arguments.
    pub fn create(args: &[&str]) -> Result<Self> {
        Ok(Self {
            id: docker_output(&[&["create"], args].concat())?,
        })
    }

    /// Starts it and waits for its end: exit code, standard output and error.
    pub fn run(&self) -> Result<Output> {
        docker()
            .args(["start", "--attach", &self.id])
            .stdin(Stdio::null())
            .output()
            .context("docker start")
    }

    /// Starts it.
    pub fn start(&self) -> Result<()> {
        docker_output(&["start", &self.id]).map(drop)
    }

    /// Runs a command in it.
    pub fn exec(&self, command: &[&str]) -> Result<String> {
        docker_output(&[&["exec", &self.id], command].concat())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker()
            .args(["rm", "--force", "--volumes", &self.id])
            .output();
    }
}

/// Traces a container from its start to its end.
pub async fn trace_run(options: TraceOptions, args: &[&str]) -> Result<(Trace, Output)> {
    let mut tracer = Tracer::attach(options).await?;
    let container = Container::create(args)?;
    tracer.follow(&container.id)?;
    let output = container.run()?;
    Ok((tracer.finish().await?, output))
}

/// An image made from a folder by `docker import`, removed when dropped.
pub struct Image {
    /// Its name.
    pub name: String,
}

impl Image {
    /// Imports the tree at `root`, with changes to the config in Dockerfile syntax.
    pub fn import(name: &str, root: &Path, changes: &[&str]) -> Result<Self> {
        let mut tar = Command::new("tar")
            .args(["--numeric-owner", "-C"])
            .arg(root)
            .args(["-cf", "-", "."])
            .stdout(Stdio::piped())
            .spawn()
            .context("tar")?;
        let Some(archive) = tar.stdout.take() else {
            bail!("tar has no output")
        };
        let mut import = docker();
        import.arg("import");
        for change in changes {
            import.args(["-c", change]);
        }
        let output = import
            .args(["-", name])
            .stdin(archive)
            .output()
            .context("docker import")?;
        ensure!(tar.wait()?.success(), "tar of {} failed", root.display());
        ensure!(
            output.status.success(),
            "docker import: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Self {
            name: name.to_owned(),
        })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = docker().args(["rmi", "--force", &self.name]).output();
    }
}
