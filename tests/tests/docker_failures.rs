//! What goes wrong: a clear message, the documented exit code, nothing written, nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use minifier_tests::{Minifier, Run, SlimImage, fixture, image_exists};
use tempfile::TempDir;
use xtask::command;

/// Runs `minify build` of a fixture with more options, changed by `prepare`.
fn build(name: &str, options: &[&str], prepare: impl FnOnce(&mut Command)) -> Result<Run> {
    let recipe = fixture(name)?;
    let slim = SlimImage::of(&recipe, &format!("failure-{:x}", rand(options)));
    let run = Minifier::find()?.run_with(&recipe, |command| {
        command.args(["build", "--target", &recipe.image(), "--tag", slim.tag()]);
        command.args(options);
        prepare(command);
    })?;
    ensure!(
        run.code == 0 || !image_exists(slim.tag()),
        "exit code {} and yet {} was written",
        run.code,
        slim.tag()
    );
    Ok(run)
}

/// Differs between tests that run side by side.
fn rand(options: &[&str]) -> usize {
    options
        .iter()
        .flat_map(|o| o.bytes())
        .fold(17, |sum, b| sum * 31 % 0xffff_ffff + usize::from(b))
}

/// The exit code, words of the message, and that nothing was left behind.
fn expect(run: &Run, code: i32, words: &[&str]) -> Result<()> {
    ensure!(
        run.code == code,
        "exit code {}, expected {code}:\n{}",
        run.code,
        run.stderr
    );
    for word in words {
        ensure!(
            run.stderr.contains(word),
            "{word:?} is not in the message:\n{}",
            run.stderr
        );
    }
    ensure!(
        run.leftovers.is_empty(),
        "left behind: {}",
        run.leftovers.join(", ")
    );
    Ok(())
}

#[test]
fn docker_missing_image_is_exit_code_3() -> Result<()> {
    let recipe = fixture("static")?;
    let run = Minifier::find()?.run_with(&recipe, |command| {
        command.args([
            "build",
            "--target",
            "minifier-fixture/none:x",
            "--tag",
            "a:b",
        ]);
    })?;
    expect(&run, 3, &["minifier-fixture/none:x", "hint:"])
}

#[test]
fn docker_other_platform_is_exit_code_3() -> Result<()> {
    let run = build("static", &["--platform", "linux/s390x"], |_| {})?;
    expect(&run, 3, &["linux/s390x", "linux/amd64"])
}

#[test]
fn docker_absent_daemon_is_exit_code_7() -> Result<()> {
    let run = build("static", &[], |command| {
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    })?;
    expect(&run, 7, &["/nonexistent/docker.sock", "hint:"])
}

#[test]
fn docker_user_without_access_to_the_socket_is_exit_code_7() -> Result<()> {
    let recipe = fixture("static")?;
    // The program and the test's own temporary folder may lie where only root may look.
    let open = fs::Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new()
        .permissions(open)
        .tempdir_in("/tmp")?;
    let run = Minifier::find()?.run_command(&recipe, |program, _| {
        let copy = folder.path().join("minify");
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&copy);
        command.args([
            "build",
            "--target",
            &recipe.image(),
            "--tag",
            "minifier-fixture/static:no",
        ]);
        fs::copy(program, copy).expect("the program can be copied");
        command
            .env("TMPDIR", "/tmp")
            .env("HOME", "/nonexistent")
            .current_dir("/");
        command
    })?;
    expect(&run, 7, &["permission denied", "hint:"])
}

#[test]
fn docker_root_without_capabilities_is_exit_code_4() -> Result<()> {
    let recipe = fixture("static")?;
    let minifier = Minifier::find()?;
    let run = minifier.run_command(&recipe, |program, _| {
        let mut command = Command::new("setpriv");
        command
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(program);
        command.args([
            "build",
            "--target",
            &recipe.image(),
            "--tag",
            "minifier-fixture/static:no",
        ]);
        command
    })?;
    expect(&run, 4, &["CAP_BPF", "hint:"])
}

#[test]
fn docker_kernel_without_btf_is_exit_code_4() -> Result<()> {
    let run = build("static", &[], |command| {
        command.env("MINIFIER_BTF", "/nonexistent/vmlinux");
    })?;
    expect(
        &run,
        4,
        &["BTF", "/nonexistent/vmlinux", "CONFIG_DEBUG_INFO_BTF"],
    )?;
    let garbage = TempDir::new()?;
    let file = garbage.path().join("vmlinux");
    fs::write(&file, "this is no type information")?;
    let run = build(
        "static",
        &["--btf", file.to_str().context("a path")?],
        |_| {},
    )?;
    expect(&run, 4, &["BTF", "hint:"])
}

#[test]
fn docker_bad_options_are_exit_code_2() -> Result<()> {
    for (options, words) in [
        (&["--http-probe", "no-slash"][..], "no-slash"),
        (&["--exec", "echo 'unfinished"], "unfinished"),
        (&["--exclude", "a{b"], "a{b"),
        (&["--env-file", "/nonexistent/env"], "/nonexistent/env"),
        (&["--mount", "type=nothing"], "nothing"),
        (&["--continue-after", "someday"], "someday"),
        (&["--output", "picture.png"], "picture.png"),
    ] {
        expect(&build("static", options, |_| {})?, 2, &[words])?;
    }
    Ok(())
}

#[test]
fn docker_workload_that_never_gets_ready_is_exit_code_5() -> Result<()> {
    let options = ["--entrypoint", "sleep 600", "--ready-timeout", "1s"];
    let run = build("healthcheck", &options, |_| {})?;
    expect(&run, 5, &["ready", "hint:", "--continue-after"])
}

#[test]
fn docker_workload_that_crashes_is_exit_code_5_with_its_last_words() -> Result<()> {
    let options = [
        "--entrypoint",
        "sh -c 'echo the disk is on fire >&2; exit 7'",
    ];
    let run = build("healthcheck", &options, |_| {})?;
    expect(&run, 5, &["7", "the disk is on fire"])
}

#[test]
fn docker_command_that_does_not_exist_is_exit_code_5() -> Result<()> {
    let run = build("healthcheck", &["--entrypoint", "/no/such/program"], |_| {})?;
    expect(&run, 5, &["/no/such/program"])
}

#[test]
fn docker_failing_probe_is_exit_code_5_unless_ignored() -> Result<()> {
    let options = ["--http-probe", "/missing", "--http-probe-expect", "200"];
    let run = build("healthcheck", &options, |_| {})?;
    expect(&run, 5, &["/missing", "404"])?;
    let run = build("healthcheck", &["--exec", "false"], |_| {})?;
    expect(&run, 5, &["false", "1"])?;
    let run = build(
        "healthcheck",
        &["--exec", "false", "--ignore-probe-failures"],
        |_| {},
    )?;
    expect(&run, 0, &[])?;
    ensure!(
        run.stdout.contains("FAILED"),
        "the summary does not say so:\n{}",
        run.stdout
    );
    Ok(())
}

#[test]
fn docker_lossy_trace_is_exit_code_6_unless_allowed() -> Result<()> {
    let run = build("python-gunicorn", &["--trace-buffer", "4096"], |_| {})?;
    expect(&run, 6, &["incomplete", "lost", "--trace-buffer"])?;
    let options = ["--trace-buffer", "4096", "--allow-incomplete-trace"];
    let run = build("python-gunicorn", &options, |_| {})?;
    expect(&run, 0, &[])?;
    ensure!(
        run.stdout.contains("INCOMPLETE"),
        "the summary does not say so:\n{}",
        run.stdout
    );
    Ok(())
}

/// A small file system that is gone with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let mut mount = Command::new("mount");
        mount.args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={size}"),
            "minifier-test",
        ]);
        command::run(mount.arg(folder.path()))?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        command::succeeds(Command::new("umount").arg(self.0.path()));
    }
}

#[test]
fn docker_full_disk_of_the_archive_is_exit_code_8_and_leaves_no_file() -> Result<()> {
    let disk = SmallDisk::mount("64k")?;
    let file = disk.path().join("out.tar");
    let output = format!("docker-archive:{}", file.display());
    let run = build("static", &["--output", &output], |_| {})?;
    expect(&run, 8, &["No space left", "out.tar"])?;
    ensure!(
        fs::read_dir(disk.path())?.next().is_none(),
        "a file was left on the full disk"
    );
    Ok(())
}

#[test]
fn docker_full_disk_of_temporary_files_is_exit_code_8() -> Result<()> {
    let disk = SmallDisk::mount("64k")?;
    let run = build("static", &[], |command| {
        command.env("TMPDIR", disk.path());
    })?;
    expect(&run, 8, &["No space left", "TMPDIR"])?;
    ensure!(
        fs::read_dir(disk.path())?.next().is_none(),
        "a file was left on the full disk"
    );
    Ok(())
}

/// Sends `signal` after `delay`, and gives what came of it.
fn interrupt(name: &str, options: &[&str], signal: &str, delay: Duration) -> Result<Run> {
    let recipe = fixture(name)?;
    let slim = SlimImage::of(&recipe, &format!("{signal}-{}", delay.as_millis()));
    let run = Minifier::find()?.run_command_then(
        &recipe,
        |program, temporary| {
            let mut command = Command::new(program);
            command.env("TMPDIR", temporary);
            command.args(["build", "--target", &recipe.image(), "--tag", slim.tag()]);
            command.args(&recipe.build).args(&recipe.run).args(options);
            command.stdin(Stdio::null());
            command
        },
        |child| {
            std::thread::sleep(delay);
            // It may have ended already.
            let pid = child.id().to_string();
            command::succeeds(Command::new("kill").args(["-s", signal, &pid]));
            Ok(())
        },
    )?;
    ensure!(
        run.code == 0 || !image_exists(slim.tag()),
        "interrupted, and yet the tag was written"
    );
    Ok(run)
}

#[test]
fn docker_interrupt_in_any_stage_leaves_nothing() -> Result<()> {
    let mut interrupted = 0;
    for read in ["in-place", "stream"] {
        for millis in [20, 100, 200, 350, 500, 800, 1200, 2000, 3000] {
            let options = ["--read", read];
            let run = interrupt("nginx", &options, "INT", Duration::from_millis(millis))?;
            let code = if run.code == 0 { 0 } else { 130 };
            // Before the handler is there, the signal simply ends the process.
            if run.code != -1 {
                expect(&run, code, &[])?;
            }
            interrupted += usize::from(run.code == 130);
        }
    }
    ensure!(interrupted >= 5, "only {interrupted} runs were interrupted");
    Ok(())
}

#[test]
fn docker_sigterm_while_waiting_leaves_nothing() -> Result<()> {
    let options = ["--continue-after", "60s"];
    let run = interrupt("nginx", &options, "TERM", Duration::from_secs(2))?;
    expect(&run, 143, &["terminated"])
}
