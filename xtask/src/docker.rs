//! The Docker command line: which client is used, and the questions asked of the daemon.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command;

/// Debian's client. Another `docker` may come first on `PATH` that lacks BuildKit.
const DEBIAN_CLIENT: &str = "/usr/bin/docker";

/// A `docker` command without arguments: the one place that decides which client is used.
pub fn docker() -> Command {
    let client = if Path::new(DEBIAN_CLIENT).exists() {
        DEBIAN_CLIENT
    } else {
        "docker"
    };
    let mut command = Command::new(client);
    command.env("DOCKER_BUILDKIT", "1");
    command
}

/// Runs the client and gives its standard output without the line end.
pub fn docker_output(args: &[&str]) -> Result<String> {
    Ok(command::capture(docker().args(args))?.trim_end().to_owned())
}

/// The name of an image that need not exist yet; the image is removed when this is dropped.
#[derive(Debug)]
pub struct TemporaryImage(String);

impl TemporaryImage {
    /// Takes over the image of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Name and tag.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for TemporaryImage {
    fn drop(&mut self) {
        // It does not exist if making it failed, and the failure is reported already.
        command::succeeds(docker().args(["image", "rm", "--force", &self.0]));
    }
}

/// Whether a daemon answers.
pub fn daemon_answers() -> bool {
    command::succeeds(docker().args(["version", "--format", "{{.Server.Version}}"]))
}

/// The value of `label` of the image `reference`; `None` when there is no such image or label.
pub fn image_label(reference: &str, label: &str) -> Option<String> {
    let format = format!("{{{{index .Config.Labels {label:?}}}}}");
    let value = inspect_image(reference, &format).ok()?;
    (!value.is_empty() && value != "<no value>").then_some(value)
}

/// The size of the image `reference` in bytes, as the daemon counts it (all layers, unpacked).
pub fn image_size(reference: &str) -> Result<u64> {
    Ok(inspect_image(reference, "{{.Size}}")?.parse()?)
}

fn inspect_image(reference: &str, format: &str) -> Result<String> {
    docker_output(&["image", "inspect", "--format", format, reference])
}

/// The server's version, such as `20.10.24`.
pub fn server_version() -> Result<String> {
    docker_output(&["version", "--format", "{{.Server.Version}}"])
}
