//! The daemon is killed while minifier waits for a container: an error that names what could not be removed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use minifier_tests::{Minifier, fixture};
use tempfile::TempDir;
use xtask::command;
use xtask::docker::docker;

/// A Docker daemon of the test's own, with its data in a folder that goes with it. Its containerd is a process of
/// its own, which a killed daemon does not take along.
struct Daemon {
    folder: TempDir,
    process: Child,
    containerd: Child,
}

impl Daemon {
    fn start() -> Result<Self> {
        let folder = TempDir::new()?;
        let under = |name: &str| folder.path().join(name).into_os_string();
        let containerd = Command::new("containerd")
            .args(["--address".into(), under("containerd.sock")])
            .args(["--root".into(), under("containerd")])
            .args(["--state".into(), under("containerd-state")])
            .args(["--config", "/dev/null", "--log-level", "error"])
            .stdin(Stdio::null())
            .spawn()
            .context("start a second containerd")?;
        let process = Self::spawn(folder.path())?;
        let daemon = Self {
            folder,
            process,
            containerd,
        };
        daemon.wait()?;
        Ok(daemon)
    }

    fn spawn(folder: &Path) -> Result<Child> {
        let log = fs::File::create(folder.join("log"))?;
        // In a network namespace of its own: `--bridge=none` removes the bridge of another daemon.
        Command::new("unshare")
            .args(["--net", "/usr/sbin/dockerd"])
            .args([
                "--bridge=none",
                "--iptables=false",
                "--ip-masq=false",
                "--ip-forward=false",
            ])
            .arg(format!("--host={}", Self::host(folder)))
            .arg(format!(
                "--containerd={}",
                folder.join("containerd.sock").display()
            ))
            .arg(format!("--data-root={}", folder.join("data").display()))
            .arg(format!("--exec-root={}", folder.join("exec").display()))
            .arg(format!("--pidfile={}", folder.join("pid").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("start a second dockerd")
    }

    fn host(folder: &Path) -> String {
        format!("unix://{}", folder.join("socket").display())
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = docker();
        command
            .env("DOCKER_HOST", Self::host(self.folder.path()))
            .args(arguments);
        command
    }

    fn wait(&self) -> Result<()> {
        let start = Instant::now();
        while !command::succeeds(&mut self.docker(&["version"])) {
            if start.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                bail!(
                    "the second dockerd does not answer:\n{}",
                    command::tail(&log, 20)
                );
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Ids of its running containers.
    fn running(&self) -> Result<Vec<String>> {
        let printed = command::capture(&mut self.docker(&["ps", "--quiet", "--no-trunc"]))?;
        Ok(printed.lines().map(str::to_owned).collect())
    }

    fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.process = Self::spawn(self.folder.path())?;
        self.wait()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        for id in self.running().unwrap_or_default() {
            command::succeeds(&mut self.docker(&["rm", "--force", &id]));
        }
        end(&mut self.process);
        end(&mut self.containerd);
        // Its data folder is a mount of its own.
        command::succeeds(Command::new("umount").arg(self.folder.path().join("data")));
    }
}

/// Asks a process to end; one that hangs must not hang the tests.
fn end(process: &mut Child) {
    command::succeeds(Command::new("kill").arg(process.id().to_string()));
    let start = Instant::now();
    while matches!(process.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(20) {
        sleep(Duration::from_millis(50));
    }
    if matches!(process.try_wait(), Ok(None)) {
        let _ = process.kill();
        let _ = process.wait();
    }
}

#[test]
fn docker_daemon_killed_in_the_middle_is_exit_code_7_and_names_the_container() -> Result<()> {
    let recipe = fixture("static")?;
    let mut daemon = Daemon::start()?;
    let mut save = docker()
        .args(["save", &recipe.image()])
        .stdout(Stdio::piped())
        .spawn()?;
    let archive = save.stdout.take().context("the archive's pipe")?;
    command::run(
        daemon
            .docker(&["load", "--quiet"])
            .stdin(archive)
            .stdout(Stdio::null()),
    )?;
    ensure!(save.wait()?.success(), "docker save failed");

    let host = Daemon::host(daemon.folder.path());
    let mut container = String::new();
    let run = Minifier::find()?.run_command_then(
        &recipe,
        |program, temporary| {
            let mut command = Command::new(program);
            command.env("DOCKER_HOST", &host).env("TMPDIR", temporary);
            command.args(["build", "--target", &recipe.image(), "--tag", "a:b"]);
            command.args(["--network", "none", "--continue-after", "50s"]);
            command
        },
        |_| {
            let start = Instant::now();
            while container.is_empty() {
                container = daemon.running()?.pop().unwrap_or_default();
                ensure!(
                    start.elapsed() < Duration::from_secs(60),
                    "no container was started"
                );
                sleep(Duration::from_millis(50));
            }
            sleep(Duration::from_millis(500));
            daemon.kill()
        },
    )?;
    daemon.restart()?;
    ensure!(run.code == 7, "exit code {}:\n{}", run.code, run.stderr);
    ensure!(
        run.stderr.contains(&container[..12]) || !daemon.running()?.contains(&container),
        "container {container} was left without a word:\n{}",
        run.stderr
    );
    ensure!(
        run.leftovers.is_empty(),
        "left behind: {}",
        run.leftovers.join(", ")
    );
    Ok(())
}
