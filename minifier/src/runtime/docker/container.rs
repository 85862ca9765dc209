//! [`Container`]: one container of the Docker daemon, from its creation to its removal.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as ApiError;
use bollard::models::{ContainerInspectResponse, HealthStatusEnum};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptionsBuilder,
};
use futures_util::{Stream, StreamExt};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::created::Created;
use super::exec::{DockerExec, exec};
use super::messages::{daemon, start_error, status};
use crate::runtime::error::RuntimeError;
use crate::runtime::shared::{
    ExecOutcome, ExecRequest, ExitStatus, Health, Life, LogStream, Logs, Signalled, Stopped,
    Workload, process, stop,
};

/// How long the daemon may take to notice that a process has ended.
const NOTICE: Duration = Duration::from_secs(5);

/// A container of the Docker daemon. [`Self::remove`] it; one that is dropped is removed in the background.
#[derive(Debug)]
pub struct Container {
    docker: Docker,
    created: Arc<Created>,
    id: String,
    stop_signal: String,
    stop_timeout: Option<Duration>,
    started: AtomicBool,
    logs: Arc<Logs>,
    life: Arc<Life>,
    tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
}

impl Container {
    pub(crate) async fn new(
        docker: Docker,
        created: Arc<Created>,
        id: String,
    ) -> Result<Self, RuntimeError> {
        let mut container = Self {
            docker,
            created,
            id,
            stop_signal: "SIGTERM".to_owned(),
            stop_timeout: None,
            started: AtomicBool::new(false),
            logs: Arc::default(),
            life: Arc::default(),
            tasks: Mutex::default(),
        };
        let config = container.inspect().await?.config.unwrap_or_default();
        if let Some(signal) = config.stop_signal.filter(|signal| !signal.is_empty()) {
            container.stop_signal = signal;
        }
        container.stop_timeout = config
            .stop_timeout
            .and_then(|s| u64::try_from(s).ok())
            .map(Duration::from_secs);
        Ok(container)
    }

    /// The container's id, 64 hexadecimal digits; also the name of its cgroup.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The container's output, which can be read while it runs.
    pub fn output(&self) -> Arc<Logs> {
        self.logs.clone()
    }

    /// Starts the container. When this returns, it is running or has ended: an image that ends at once is not an error.
    pub async fn start(&self) -> Result<(), RuntimeError> {
        // The daemon would restart a container that has ended, and the trace would contain two runs.
        if self.started.swap(true, Ordering::Relaxed) {
            return Err(RuntimeError::StartedBefore(self.id.clone()));
        }
        // Attached before the start, so that the first line is not missed. `docker logs` would not do: it depends on the
        // log driver, and the size of that log is limited.
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self
            .docker
            .attach_container(&self.id, Some(options))
            .await
            .map_err(daemon(format!("attach to container {}", self.id)))?;
        self.spawn(pump(attached.output, self.logs.clone()));
        self.docker
            .start_container(&self.id, None::<StartContainerOptions>)
            .await
            .map_err(|error| start_error(&self.id, error))?;
        self.find_process().await?;
        // Not before the start: a container that was created and not started is "not running" too.
        self.spawn(watch_exit(
            self.docker.clone(),
            self.id.clone(),
            self.life.clone(),
        ));
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(AbortOnDropHandle::new(tokio::spawn(task)));
    }

    /// Notes the pid of the first process, unless it has ended already.
    async fn find_process(&self) -> Result<(), RuntimeError> {
        let begin = Instant::now();
        loop {
            // The daemon reports pid 0 once the process has ended.
            let Some(pid) = self.inspected_pid().await? else {
                return Ok(());
            };
            let local = u32::try_from(pid).ok();
            if let Some(local) = local.filter(|local| process::belongs_to(*local, &self.id)) {
                self.life.running(local);
                return Ok(());
            }
            // Either it has just ended and the daemon is about to notice, or the daemon runs on another host or in another
            // pid namespace (Docker Desktop), where this number means nothing here.
            if begin.elapsed() > NOTICE {
                return Err(RuntimeError::NotLocal {
                    id: self.id.clone(),
                    pid,
                });
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn inspected_pid(&self) -> Result<Option<i64>, RuntimeError> {
        let state = self.inspect().await?.state.unwrap_or_default();
        Ok(state.pid.filter(|pid| *pid > 0))
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse, RuntimeError> {
        self.docker
            .inspect_container(&self.id, None::<InspectContainerOptions>)
            .await
            .map_err(daemon(format!("inspect container {}", self.id)))
    }

    /// Kills and removes the container with its anonymous volumes. A second call does nothing.
    pub async fn remove(&self) -> Result<(), RuntimeError> {
        if self.created.contains(&self.id) {
            self.created.remove(&self.id).await
        } else {
            Ok(())
        }
    }
}

impl Workload for Container {
    fn id(&self) -> &str {
        &self.id
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
        self.life.exited(&self.id).await
    }

    async fn health(&self) -> Result<Option<Health>, RuntimeError> {
        let state = self.inspect().await?.state.unwrap_or_default();
        Ok(match state.health.and_then(|health| health.status) {
            Some(HealthStatusEnum::STARTING) => Some(Health::Starting),
            Some(HealthStatusEnum::HEALTHY) => Some(Health::Healthy),
            Some(HealthStatusEnum::UNHEALTHY) => Some(Health::Unhealthy),
            Some(HealthStatusEnum::NONE | HealthStatusEnum::EMPTY) | None => None,
        })
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, RuntimeError> {
        let inside = DockerExec {
            docker: &self.docker,
            id: &self.id,
            life: &self.life,
        };
        exec(&inside, request).await
    }

    async fn stop(&self, grace: Option<Duration>) -> Result<Stopped, RuntimeError> {
        stop::stop(self, grace).await
    }
}

impl Signalled for Container {
    fn stop_signal(&self) -> &str {
        &self.stop_signal
    }

    fn stop_timeout(&self) -> Option<Duration> {
        self.stop_timeout
    }

    async fn signal(&self, signal: &str) -> Result<bool, RuntimeError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        let error = match self.docker.kill_container(&self.id, Some(options)).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        match status(&error) {
            // 409: it has ended meanwhile, which is what the signal was for.
            Some((409, _)) => Ok(true),
            // Docker checks the name itself; the status of the answer does not say that it is the name.
            Some((_, message)) if message.to_lowercase().contains("invalid signal") => Ok(false),
            _ => Err(daemon(format!("send {signal} to container {}", self.id))(
                error,
            )),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.created.contains(&self.id) {
            return;
        }
        // Without an async runtime, or if that ends before the removal does, the sweep removes it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (created, id) = (self.created.clone(), self.id.clone());
            runtime.spawn(async move {
                if let Err(error) = created.remove(&id).await {
                    tracing::warn!("failed to {error}");
                }
            });
        }
    }
}

/// Copies the container's output to `logs` until it ends.
async fn pump(
    mut output: impl Stream<Item = Result<LogOutput, ApiError>> + Unpin,
    logs: Arc<Logs>,
) {
    while let Some(piece) = output.next().await {
        match piece {
            Ok(LogOutput::StdErr { message }) => logs.push(LogStream::Stderr, &message),
            Ok(piece) => logs.push(LogStream::Stdout, &piece.into_bytes()),
            Err(error) => {
                tracing::warn!("failed to read the container's output: {error}");
                break;
            }
        }
    }
    logs.close();
}

/// Waits for the container to end and notes how.
async fn watch_exit(docker: Docker, id: String, life: Arc<Life>) {
    let options = WaitContainerOptionsBuilder::new()
        .condition("not-running")
        .build();
    let answer = docker.wait_container(&id, Some(options)).next().await;
    let code = match answer {
        Some(Ok(response)) => response.status_code,
        // bollard returns an error for every exit code but 0.
        Some(Err(ApiError::DockerContainerWaitError { code, .. })) => code,
        Some(Err(error)) => {
            life.lost(error.to_string());
            return;
        }
        None => {
            life.lost("the daemon closed the connection".to_owned());
            return;
        }
    };
    // The answer to `wait` has no field for it.
    let inspected = docker
        .inspect_container(&id, None::<InspectContainerOptions>)
        .await;
    let oom_killed = inspected
        .ok()
        .and_then(|container| container.state?.oom_killed)
        .unwrap_or(false);
    life.ended(ExitStatus { code, oom_killed });
}
