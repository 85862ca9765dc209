//! Building without a daemon as people do it: two at once on one cache, from and to a registry, stopped in the middle.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use minifier_tests::registry::RegistryProcess;
use minifier_tests::{Minifier, fixture};
use serde_json::Value;
use xtask::command;

/// An OCI layout with a fixture's image.
fn layout(name: &str, work: &Path) -> Result<String> {
    let recipe = fixture(name)?;
    let layout = format!("oci:{}:original", work.join("layout").display());
    let mut copy = Minifier::find()?.command(work);
    command::capture(copy.args(["copy", "--compression", "none", &recipe.image(), &layout]))?;
    Ok(layout)
}

fn build(target: &str, output: &Path, work: &Path) -> Result<Command> {
    let mut build = Minifier::find()?.command(work);
    build.args(["build", "--quiet", "--runtime", "runc", "--target", target]);
    build.args(["--output", &format!("oci:{}:slim", output.display())]);
    build.arg("--cache-dir").arg(work.join("cache"));
    build.arg("--report").arg(output.with_extension("json"));
    build.stdout(Stdio::null());
    Ok(build)
}

fn manifest(report: &Path) -> Result<String> {
    let text = fs::read_to_string(report.with_extension("json"))?;
    let report: Value = serde_json::from_str(&text)?;
    let manifest = report["result"]["manifest"].as_str();
    Ok(manifest.context("a report has a manifest")?.to_owned())
}

/// Folders of containers in the cache, and control groups with the same names.
fn runs(work: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(work.join("cache/runs"))?;
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[test]
fn docker_two_builds_at_once_share_a_cache_and_are_both_right() -> Result<()> {
    let work = tempfile::tempdir()?;
    let target = layout("job", work.path())?;
    let outputs = [work.path().join("one"), work.path().join("two")];
    let children: Vec<Child> = outputs
        .iter()
        .map(|output| Ok(build(&target, output, work.path())?.spawn()?))
        .collect::<Result<_>>()?;
    for mut child in children {
        ensure!(child.wait()?.success(), "one of two builds failed");
    }
    ensure!(
        manifest(&outputs[0])? == manifest(&outputs[1])?,
        "two builds differ"
    );
    ensure!(runs(work.path())?.is_empty(), "containers are left");
    Ok(())
}

#[test]
fn docker_a_build_that_is_stopped_or_killed_leaves_nothing_for_long() -> Result<()> {
    let work = tempfile::tempdir()?;
    let target = layout("redis", work.path())?;
    for signal in ["INT", "TERM", "KILL"] {
        let output = work.path().join(signal);
        let mut build = build(&target, &output, work.path())?;
        let mut child = build.args(["--continue-after", "600s"]).spawn()?;
        let container = running(&mut child, work.path())?;
        command::capture(Command::new("kill").args(["-s", signal, &child.id().to_string()]))?;
        child.wait()?;
        ensure!(!output.exists(), "{signal}: something was written");
        if signal == "KILL" {
            // The next start cleans up.
            let static_image = layout("static", work.path())?;
            let mut next = self::build(&static_image, &work.path().join("next"), work.path())?;
            ensure!(next.status()?.success(), "the build after a kill failed");
        }
        ensure!(
            runs(work.path())?.is_empty(),
            "{signal}: containers are left"
        );
        ensure!(
            !has_processes(&container)?,
            "{signal}: processes of {container} are left"
        );
    }
    Ok(())
}

#[test]
fn docker_an_image_goes_from_a_registry_to_a_registry() -> Result<()> {
    let work = tempfile::tempdir()?;
    let registry = RegistryProcess::plain();
    let original = format!("docker://{}/app/original:1", registry.host());
    let slim = format!("docker://{}/app/slim:1", registry.host());
    let minifier = Minifier::find()?;
    let run = |arguments: &[&str]| {
        let mut command = minifier.command(work.path());
        command::capture(command.args(arguments))
    };
    let from = layout("job", work.path())?;
    run(&["copy", "--compression", "gzip", &from, &original])?;
    let cache = work.path().join("cache").display().to_string();
    run(&[
        "build",
        "--target",
        &original,
        "--output",
        &slim,
        "--cache-dir",
        &cache,
    ])?;
    run(&["validate", &slim])?;
    let mut inspect = Command::new("skopeo");
    let text = command::capture(inspect.args(["inspect", "--tls-verify=false", &slim]))?;
    let skopeo: Value = serde_json::from_str(&text)?;
    let digest = skopeo["Digest"].as_str().context("a digest")?;
    let local = format!("oci:{}:pulled", work.path().join("pulled").display());
    ensure!(
        run(&["copy", &slim, &local])?.trim() == digest,
        "pulling gives another image"
    );
    Ok(())
}

/// The id of the container once it runs.
fn running(child: &mut Child, work: &Path) -> Result<String> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        if let Some(status) = child.try_wait()? {
            bail!("the build ended with {status} before its container ran");
        }
        for id in runs(work).unwrap_or_default() {
            if has_processes(&id)? {
                // Past the runtime's own set-up.
                thread::sleep(Duration::from_secs(1));
                return Ok(id);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("no container ran")
}

/// Whether a process is in the control group of that container. One that has ended has no program any more: the first
/// process of the machine takes its time to wait for those that nobody else does.
fn has_processes(id: &str) -> Result<bool> {
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        let is_in = fs::read_to_string(process.join("cgroup")).is_ok_and(|text| text.contains(id));
        if is_in && fs::read_link(process.join("exe")).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}
