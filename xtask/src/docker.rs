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
    let output =
        command::capture(docker().args(["image", "inspect", "--format", format, reference]))?;
    Ok(output.trim().to_owned())
}

/// The server's version, such as `20.10.24`.
pub fn server_version() -> Result<String> {
    let output = command::capture(docker().args(["version", "--format", "{{.Server.Version}}"]))?;
    Ok(output.trim().to_owned())
}
