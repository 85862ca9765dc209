//! A Docker daemon that answers: the machine's own, or one started here and left running.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{cache, command, docker};

const PATIENCE: Duration = Duration::from_secs(60);
/// Where `dockerd` notes its process id, and refuses to start over a living process.
const DOCKERD_PID_FILE: &str = "/var/run/docker.pid";

/// Starts `dockerd` in a session of its own when no daemon answers, and waits until it does.
///
/// Its log and process id are in the cache folder (`dockerd.log`, `dockerd.pid`). It is left
/// running: the next command finds it.
pub(crate) fn ensure_running() -> Result<()> {
    if docker::daemon_answers() {
        return Ok(());
    }
    if std::env::var_os("DOCKER_HOST").is_some() {
        bail!("the daemon that DOCKER_HOST names does not answer");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("no Docker daemon answers: start it, or run this as root");
    }
    let _lock = cache::lock("dockerd")?;
    if docker::daemon_answers() {
        return Ok(());
    }
    forget_dead_daemon()?;
    let log_path = cache::dir()?.join("dockerd.log");
    let log = File::create(&log_path).with_context(|| format!("create {}", log_path.display()))?;
    eprintln!("setup: starting dockerd, log in {}", log_path.display());
    let mut daemon = Command::new("setsid")
        .arg("dockerd")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start dockerd")?;
    fs::write(
        cache::dir()?.join("dockerd.pid"),
        format!("{}\n", daemon.id()),
    )?;
    wait_until_it_answers(&mut daemon).with_context(|| {
        let printed = fs::read_to_string(&log_path).unwrap_or_default();
        format!(
            "dockerd did not come up; the end of its log:\n{}",
            command::tail(&printed, 20)
        )
    })
}

fn wait_until_it_answers(daemon: &mut Child) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if docker::daemon_answers() {
            return Ok(());
        }
        if let Some(status) = daemon.try_wait()? {
            bail!("dockerd ended with {status}");
        }
        thread::sleep(Duration::from_millis(200));
    }
    bail!("no answer within {} seconds", PATIENCE.as_secs())
}

/// Removes a process id file whose process is gone or is another program by now: after a
/// machine was stopped hard, `dockerd` would take that program for itself and not start.
fn forget_dead_daemon() -> Result<()> {
    let Ok(pid) = fs::read_to_string(DOCKERD_PID_FILE) else {
        return Ok(());
    };
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
    if name.trim() == "dockerd" {
        return Ok(());
    }
    fs::remove_file(DOCKERD_PID_FILE).with_context(|| format!("remove {DOCKERD_PID_FILE}"))
}
