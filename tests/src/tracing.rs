//! Tracing containers that the tests start with Docker's command line.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use minifier::trace::{Trace, TraceOptions, Tracer};
use xtask::container::Container;
use xtask::docker::{TemporaryImage, docker};

/// Traces a container from its start to its end.
pub async fn trace_run(options: TraceOptions, args: &[&str]) -> Result<(Trace, Output)> {
    let mut tracer = Tracer::attach(options).await?;
    let container = Container::create(args)?;
    tracer.follow(container.id())?;
    let output = container.run()?;
    Ok((tracer.finish().await?, output))
}

/// Makes an image of the tree at `root` by `docker import`, with changes to the config in Dockerfile syntax.
pub fn import_folder(name: &str, root: &Path, changes: &[&str]) -> Result<TemporaryImage> {
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
    let image = TemporaryImage::new(name);
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
    Ok(image)
}
