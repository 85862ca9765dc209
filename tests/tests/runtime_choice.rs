//! What runs an image if the runtimes of the host are missing or broken: never another engine without a word.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::Result;
use minifier_tests::Minifier;
use minifier_tests::transport::small_archive;

/// A build of a stored image with those programs only on the path, and no daemon.
fn build(programs: &Path, more: &[&str]) -> Result<Output> {
    let work = tempfile::tempdir()?;
    let archive = work.path().join("image.tar");
    fs::write(&archive, small_archive(b"x", &["app:1"]).0)?;
    let mut build = Minifier::find()?.command(work.path());
    build.env("PATH", programs);
    build.env(
        "DOCKER_HOST",
        format!("unix://{}/no.sock", work.path().display()),
    );
    build.arg("build").arg("--target");
    build.arg(format!("docker-archive:{}", archive.display()));
    build.arg("--report").arg(work.path().join("report.json"));
    build.arg("--cache-dir").arg(work.path().join("cache"));
    Ok(build.args(more).output()?)
}

fn program(folder: &Path, name: &str, script: &str) -> Result<()> {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[test]
fn a_runtime_that_does_not_work_is_an_error_and_no_reason_for_another_engine() -> Result<()> {
    let programs = tempfile::tempdir()?;
    program(programs.path(), "runc", "echo broken >&2; exit 3")?;
    for more in [&[][..], &["--runtime", "runc"]] {
        let output = build(programs.path(), more)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains("use an OCI runtime: "), "{said}");
        assert!(said.contains("it ended with exit status: 3"), "{said}");
        assert!(said.contains("hint: repair it"), "{said}");
        assert!(!said.contains("Docker"), "{said}");
    }
    Ok(())
}

#[test]
fn a_runtime_that_hangs_keeps_nobody() -> Result<()> {
    let programs = tempfile::tempdir()?;
    // It ends by itself, so that nothing of the test goes on for long.
    program(programs.path(), "runc", "exec /bin/sleep 30")?;
    let started = Instant::now();
    let output = build(programs.path(), &["--timeout", "1s"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(started.elapsed() < Duration::from_secs(25), "{said}");
    Ok(())
}

#[test]
fn without_a_runtime_and_without_a_daemon_both_ways_are_named() -> Result<()> {
    let programs = tempfile::tempdir()?;
    let output = build(programs.path(), &[])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("none of runc, crun and youki is on the PATH"),
        "{said}"
    );
    assert!(said.contains("--runtime docker"), "{said}");
    Ok(())
}
