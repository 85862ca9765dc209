//! [`OciContainer`]: one container of an OCI runtime, from its creation to its removal.

use std::io::PipeReader;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use tokio::io::AsyncReadExt;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::create::HeldContainer;
use super::exec::{OciExec, exec};
use super::plan::RunPlan;
use super::program::OciRuntime;
use super::run::Run;
use super::{cgroup, create};
use crate::image::ImageConfig;
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::cache::Unpacked;
use crate::runtime::options::RunOptions;
use crate::runtime::shared::{
    ExecOutcome, ExecRequest, ExitStatus, Health, Life, LogStream, Logs, Signalled, Stopped,
    Workload, start_failure, stop,
};
use crate::tasks::joined;

/// A container of an OCI runtime. [`Self::remove`] it; one that is dropped is removed before `drop` returns.
#[derive(Debug)]
pub struct OciContainer {
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
    runtime: OciRuntime,
    plan: RunPlan,
    command: crate::runtime::oci::spec::ContainerCommand,
    pid: u32,
    started: AtomicBool,
    logs: Arc<Logs>,
    life: Arc<Life>,
    run: Arc<Run>,
    /// The root of its file system without what is mounted in it.
    root: OwnedFd,
    /// Locks the layers while the container exists.
    _image: Unpacked,
}

impl OciRuntime {
    /// Creates a container of an unpacked image. Its first process exists, held before its first instruction.
    ///
    /// Options that only a daemon supports are refused before anything is created. When `cancel` fires, it gives up and
    /// removes everything before it returns. Dropping the future is safe: it then gives up in the background.
    pub async fn create(
        &self,
        image: &Unpacked,
        config: &ImageConfig,
        options: &RunOptions,
        cancel: &CancellationToken,
    ) -> Result<OciContainer, RuntimeError> {
        let plan = RunPlan::new(config, options, &self.limits)?;
        let cancel = cancel.child_token();
        let _dropped = cancel.clone().drop_guard();
        let held = spawn_blocking({
            let (runtime, image, config) = (self.clone(), image.clone(), config.clone());
            let plan = plan.clone();
            move || create::create(&runtime, &image, &config, &plan, &cancel)
        });
        let HeldContainer {
            run,
            root,
            pid,
            command,
            stdout,
            stderr,
        } = joined(held).await?;
        let container = OciContainer {
            tasks: Mutex::default(),
            runtime: self.clone(),
            plan,
            command,
            pid,
            started: AtomicBool::new(false),
            logs: Arc::default(),
            life: Arc::default(),
            run,
            root,
            _image: image.clone(),
        };
        container.read_output(stdout, stderr)?;
        container.watch()?;
        Ok(container)
    }
}

impl OciContainer {
    /// The container's id, 64 hexadecimal digits; also the name of its control group.
    pub fn id(&self) -> &str {
        self.run.id()
    }

    /// Pid of the first process in this host's pid namespace: held until the start, and still its number after its end.
    pub fn first_process(&self) -> u32 {
        self.pid
    }

    /// The container's output, which can be read while it runs.
    pub fn output(&self) -> Arc<Logs> {
        self.logs.clone()
    }

    /// Lets the first process run. When this returns, it is running or has ended.
    pub async fn start(&self) -> Result<(), RuntimeError> {
        if self.started.swap(true, Ordering::Relaxed) {
            return Err(RuntimeError::StartedBefore(self.id().to_owned()));
        }
        let mut start = Command::new(&self.runtime.program);
        start
            .arg("--root")
            .arg(self.run.path().join("state"))
            .args(["start", self.id()]);
        // Noted before the start: a process that ends at once must not be noted as running afterwards.
        if self.life.exit().is_none() {
            self.life.running(self.pid);
        }
        let output = joined(spawn_blocking(move || start.output()))
            .await
            .map_err(host(format!("run {}", self.runtime.program.display())))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(start_failure(&message));
        }
        Ok(())
    }

    /// Kills and removes the container with its volumes. A second call does nothing.
    pub async fn remove(&self) -> Result<(), RuntimeError> {
        if self.run.is_clean() {
            return Ok(());
        }
        let run = self.run.clone();
        joined(spawn_blocking(move || run.clean())).await
    }

    fn keep(&self, task: tokio::task::JoinHandle<()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(AbortOnDropHandle::new(task));
    }

    fn read_output(&self, stdout: PipeReader, stderr: PipeReader) -> Result<(), RuntimeError> {
        let receiver = |reader: PipeReader| {
            pipe::Receiver::from_owned_fd(OwnedFd::from(reader))
                .map_err(host::<std::io::Error>("read the container's output"))
        };
        let (stdout, stderr) = (receiver(stdout)?, receiver(stderr)?);
        let logs = self.logs.clone();
        self.keep(tokio::spawn(async move {
            tokio::join!(
                pump(stdout, LogStream::Stdout, &logs),
                pump(stderr, LogStream::Stderr, &logs)
            );
            logs.close();
        }));
        Ok(())
    }

    /// Waits for the end of the first process in the background and notes how it ended.
    fn watch(&self) -> Result<(), RuntimeError> {
        let doing = || host::<std::io::Error>(format!("watch container {}", self.id()));
        let Some(init) = self.run.init() else {
            unreachable!("a container that was created has a first process")
        };
        let handle = init.try_clone().map_err(doing())?;
        // SAFETY: the descriptor is owned, and stays open and the same until the wrapper is dropped.
        let handle = unsafe { AsyncFd::register(handle) };
        let handle = handle.map_err(|error| doing()(error.into()))?;
        let (life, cgroup) = (self.life.clone(), self.run.cgroup().to_owned());
        self.keep(tokio::spawn(async move {
            match exit_code(&handle).await {
                Ok(code) => {
                    let oom_killed = cgroup::oom_killed(&cgroup);
                    life.ended(ExitStatus { code, oom_killed });
                }
                Err(error) => life.lost(error.to_string()),
            }
        }));
        Ok(())
    }
}

async fn exit_code(handle: &AsyncFd<OwnedFd>) -> std::io::Result<i64> {
    // A pidfd is readable once the process has ended (pidfd_open(2)).
    let _ended = handle.readable().await?;
    let status = waitid(
        WaitId::PidFd(handle.get_ref().as_fd()),
        WaitIdOptions::EXITED,
    )?;
    let status = status.ok_or_else(|| std::io::Error::other("it has not ended"))?;
    let code = status.exit_status();
    // As a shell and Docker report the end by a signal.
    let code = code.or_else(|| Some(128 + status.terminating_signal()?));
    code.map(i64::from)
        .ok_or_else(|| std::io::Error::other("it ended in an unknown way"))
}

async fn pump(mut from: pipe::Receiver, stream: LogStream, logs: &Logs) {
    let mut buffer = vec![0; 32 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => logs.push(stream, &buffer[..count]),
            Err(error) => {
                tracing::warn!("failed to read the container's output: {error}");
                break;
            }
        }
    }
}

impl Workload for OciContainer {
    fn id(&self) -> &str {
        self.run.id()
    }

    fn pid(&self) -> Option<u32> {
        self.life.pid()
    }

    fn logs(&self) -> &Logs {
        &self.logs
    }

    fn exit(&self) -> Option<ExitStatus> {
        self.life.exit()
    }

    async fn exited(&self) -> Result<ExitStatus, RuntimeError> {
        self.life.exited(self.id()).await
    }

    /// Always `None`: without a daemon, only the probes run the image's check.
    async fn health(&self) -> Result<Option<Health>, RuntimeError> {
        Ok(None)
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, RuntimeError> {
        let inside = OciExec {
            runtime: &self.runtime,
            run: &self.run,
            command: &self.command,
            capabilities: &self.plan.capabilities,
            root: &self.root,
            life: &self.life,
        };
        exec(&inside, request).await
    }

    async fn stop(&self, grace: Option<Duration>) -> Result<Stopped, RuntimeError> {
        stop::stop(self, grace).await
    }
}

impl Signalled for OciContainer {
    fn stop_signal(&self) -> &str {
        &self.plan.stop_signal
    }

    /// Always `None`: OCI images have no field for it.
    fn stop_timeout(&self) -> Option<Duration> {
        None
    }

    async fn signal(&self, signal: &str) -> Result<bool, RuntimeError> {
        let number = stop::number(signal).and_then(|number| i32::try_from(number).ok());
        let Some(number) = number else {
            return Ok(false);
        };
        let Some(init) = self.run.init() else {
            return Ok(true);
        };
        // SAFETY: the number is one of a signal, and the C library's own use of some real-time ones concerns the
        // process that gets it, not this one.
        let signal = unsafe { Signal::from_raw_unchecked(number) };
        match pidfd_send_signal(init, signal) {
            // It has ended meanwhile, which is what the signal was for.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(true),
            Err(error) => Err(host(format!(
                "send signal {number} to container {}",
                self.id()
            ))(error)),
        }
    }
}
