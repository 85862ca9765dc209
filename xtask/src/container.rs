//! [`Container`]: a container that is created with Docker's command line, and removed when it is dropped.

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use anyhow::{Context, Result};

use crate::command;
use crate::docker::{docker, docker_output};

/// The label of every container that is started here.
pub const LABEL: &str = "org.minifier.test";
/// How long a container gets to stop before it is killed, in seconds.
const GRACE: &str = "30";

/// A container; removed with its anonymous volumes when dropped.
#[derive(Debug)]
pub struct Container {
    id: String,
}

impl Container {
    /// `docker create` with these arguments.
    pub fn create(args: &[&str]) -> Result<Self> {
        let id = docker_output(&[&["create"], args].concat())?;
        Ok(Self { id })
    }

    /// Starts `image` in the background with `options` of `docker run`; `port` is published on 127.0.0.1.
    pub fn serve(image: &str, options: &[String], port: u16) -> Result<Self> {
        let publish = format!("127.0.0.1::{port}");
        let mut args = vec!["--label", LABEL, "--publish", &publish];
        args.extend(options.iter().map(String::as_str));
        args.push(image);
        let container = Self::create(&args)?;
        container.start()?;
        Ok(container)
    }

    /// Its ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Starts it.
    pub fn start(&self) -> Result<()> {
        docker_output(&["start", &self.id]).map(drop)
    }

    /// Starts it and waits for its end: exit code, standard output and error.
    pub fn run(&self) -> Result<Output> {
        docker()
            .args(["start", "--attach", &self.id])
            .stdin(Stdio::null())
            .output()
            .context("docker start")
    }

    /// The address on this host behind which the container's `port` is.
    pub fn address(&self, port: u16) -> Result<SocketAddr> {
        let printed = command::capture(docker().args(["port", &self.id, &port.to_string()]))?;
        let first = printed.lines().next().context("no port is published")?;
        first
            .parse()
            .with_context(|| format!("read the address {first}"))
    }

    /// Runs a command inside, as `user` when given.
    pub fn exec(&self, program: &[String], user: Option<&str>) -> Result<Output> {
        let mut exec = docker();
        exec.arg("exec");
        if let Some(user) = user {
            exec.args(["--user", user]);
        }
        exec.arg(&self.id).args(program).stdin(Stdio::null());
        exec.output().context("start docker exec")
    }

    /// Whether its first process runs.
    pub fn is_running(&self) -> Result<bool> {
        Ok(self.inspect("{{.State.Running}}")? == "true")
    }

    /// The state of its health check: `starting`, `healthy` or `unhealthy`.
    pub fn health(&self) -> Result<String> {
        self.inspect("{{.State.Health.Status}}")
    }

    /// The last `lines` lines that it printed so far on both streams.
    pub fn logs(&self, lines: usize) -> Result<String> {
        let output = docker()
            .args(["logs", &self.id])
            .stdin(Stdio::null())
            .output()?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        Ok(command::tail(&format!("{stdout}{stderr}"), lines))
    }

    /// Stops it with its own stop signal; gives the exit code.
    pub fn stop(&self) -> Result<i32> {
        command::capture(docker().args(["stop", "--time", GRACE, &self.id]))?;
        Ok(self.inspect("{{.State.ExitCode}}")?.parse()?)
    }

    fn inspect(&self, format: &str) -> Result<String> {
        docker_output(&["inspect", "--format", format, &self.id])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = command::capture(docker().args(["rm", "--force", "--volumes", &self.id]));
        if let Err(error) = removed {
            eprintln!("remove container {}: {error:#}", self.id);
        }
    }
}
