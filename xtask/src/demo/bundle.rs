//! An image unpacked by umoci and run by runc, in a network of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::image::Layout;
use crate::{command, http};

/// How long the server may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// What nginx needs to become its own user, beyond what umoci gives.
const CAPABILITIES: [&str; 4] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"];

/// Status and body.
pub(crate) type Answer = (u16, Vec<u8>);

/// An unpacked image.
pub(crate) struct Bundle {
    work: TempDir,
}

impl Bundle {
    /// Unpacks an image into a temporary folder.
    pub(crate) fn unpack(layout: &Layout) -> Result<Self> {
        let work = tempfile::tempdir()?;
        let bundle = Self { work };
        let mut unpack = Command::new("umoci");
        unpack.args(["unpack", "--image", &layout.umoci()]);
        command::capture(unpack.arg(bundle.path()))?;
        let config = bundle.path().join("config.json");
        let text = fs::read_to_string(&config).context("read the bundle's config.json")?;
        let mut spec: Value = serde_json::from_str(&text)?;
        spec["process"]["terminal"] = json!(false);
        for set in ["bounding", "effective", "permitted"] {
            if let Some(set) = spec["process"]["capabilities"][set].as_array_mut() {
                set.extend(CAPABILITIES.map(Value::from));
            }
        }
        fs::write(&config, spec.to_string())?;
        Ok(bundle)
    }

    fn path(&self) -> PathBuf {
        self.work.path().join("bundle")
    }

    /// Runs it.
    pub(crate) fn start(self) -> Result<Running> {
        let id = format!("minifier-demo-{}", std::process::id());
        let mut running = Running {
            root: self.work.path().join("state"),
            child: None,
            bundle: self,
            id,
        };
        let log = File::create(running.bundle.work.path().join("log"))?;
        let mut run = running.runc("run");
        run.arg("--bundle").arg(running.bundle.path());
        run.arg(&running.id);
        run.stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        running.child = Some(run.spawn().context("start runc")?);
        Ok(running)
    }
}

/// A container; it ends with this.
pub(crate) struct Running {
    root: PathBuf,
    bundle: Bundle,
    id: String,
    child: Option<Child>,
}

impl Running {
    fn runc(&self, what: &str) -> Command {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(&self.root).arg(what);
        runc
    }

    /// What the server answers, once it does.
    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        let start = Instant::now();
        loop {
            match self.try_get(path) {
                Err(_) if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(50)),
                Err(error) => {
                    let log = fs::read_to_string(self.bundle.work.path().join("log"));
                    return Err(error.context(log.unwrap_or_default()));
                }
                answer => return answer,
            }
        }
    }

    /// Asks from a thread in the container's network.
    fn try_get(&self, path: &str) -> Result<Answer> {
        let state: Value =
            serde_json::from_str(&command::capture(self.runc("state").arg(&self.id))?)?;
        let pid = &state["pid"];
        let network = File::open(format!("/proc/{pid}/ns/net")).context("open its network")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
                let answer = http::request(address, "GET", path, None, "")?;
                Ok((answer.status, answer.body))
            });
            asking.join().map_err(|_| anyhow!("the request panicked"))?
        })
    }

    /// Asks it to stop; gives its exit code.
    pub(crate) fn stop(&mut self) -> Result<i32> {
        command::capture(self.runc("kill").args([&self.id, "QUIT"]))?;
        let start = Instant::now();
        let mut child = self.child.take().context("it was stopped before")?;
        while start.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait()? {
                return status.code().context("runc was killed");
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
        bail!("the container did not stop")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            command::succeeds(self.runc("delete").args(["--force", &self.id]));
            let _ = child.wait();
        }
    }
}
