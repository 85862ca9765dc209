//! Running a command inside a container by the runtime's `exec`, within a time limit.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::{Duration, timeout};

use super::program::{OciRuntime, said};
use super::run::Run;
use super::spec;
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::spec::{ContainerCommand, environment};
use crate::runtime::shared::{Capture, ExecOutcome, ExecRequest, Life, process, start_failure};

/// How long the output may stay open after the command has ended: a child of it may keep it open.
const REST: Duration = Duration::from_millis(250);
/// How long the runtime may take to end after its command was killed.
const ENDING: Duration = Duration::from_secs(5);

/// A container that commands are run in.
pub(crate) struct OciExec<'a> {
    pub(crate) runtime: &'a OciRuntime,
    pub(crate) run: &'a Run,
    /// The container's own command, whose environment and working directory a further one gets.
    pub(crate) command: &'a ContainerCommand,
    pub(crate) capabilities: &'a BTreeSet<&'static str>,
    /// The root of its file system without what is mounted in it.
    pub(crate) root: &'a OwnedFd,
    pub(crate) life: &'a Life,
}

impl OciExec<'_> {
    fn id(&self) -> &str {
        self.run.id()
    }
}

/// Runs a command; kills it at its time limit.
pub(crate) async fn exec(
    container: &OciExec<'_>,
    request: &ExecRequest,
) -> Result<ExecOutcome, RuntimeError> {
    let not_running = || RuntimeError::NotRunning(container.id().to_owned());
    container.life.pid().ok_or_else(not_running)?;
    // Writing the session's files fails if the container is being removed; the caller wants to know that it has ended.
    let session = ExecSession::new(container, request).map_err(|error| {
        if container.life.exit().is_some() {
            not_running()
        } else {
            error
        }
    })?;
    let mut child = session.start(container)?;
    let (mut stdout, mut stderr) = (Capture::default(), Capture::default());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ended = {
        let reading = async {
            tokio::join!(collect(out, &mut stdout), collect(err, &mut stderr));
        };
        tokio::pin!(reading);
        let waiting = async {
            tokio::select! {
                () = &mut reading => child.wait().await,
                ended = child.wait() => {
                    let _ = timeout(REST, &mut reading).await;
                    ended
                }
            }
        };
        timeout(request.limit, waiting).await
    };
    let doing = || {
        format!(
            "wait for {:?} in container {}",
            request.argv,
            container.id()
        )
    };
    let Ok(ended) = ended else {
        session.kill(container.id());
        // The runtime ends with the command that it waits for. If it does not, dropping `child` kills it.
        let _ = timeout(ENDING, child.wait()).await;
        return Ok(outcome(None, stdout, stderr));
    };
    let ended = ended.map_err(host(doing()))?;
    // Without a pid file, the command was never started, and the exit code is the runtime's own.
    if !session.begun()
        && let Some(message) = said(&session.log)
    {
        if container.life.exit().is_some()
            || message.contains("container not running")
            || message.contains("cannot exec in a stopped")
        {
            return Err(not_running());
        }
        // The codes of a shell, as Docker reports them.
        let code = match start_failure(&message) {
            RuntimeError::CommandNotFound { .. } => 127,
            RuntimeError::CommandNotExecutable { .. } => 126,
            _ => {
                return Err(RuntimeError::Program {
                    action: format!("run {:?} in container {}", request.argv, container.id()),
                    program: container.runtime.name(),
                    message,
                });
            }
        };
        let mut stdout = Capture::default();
        stdout.push(message.as_bytes());
        return Ok(outcome(Some(code), stdout, Capture::default()));
    }
    Ok(outcome(ended.code().map(i64::from), stdout, stderr))
}

fn outcome(exit_code: Option<i64>, stdout: Capture, stderr: Capture) -> ExecOutcome {
    ExecOutcome {
        exit_code,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    }
}

async fn collect(from: Option<impl AsyncRead + Unpin>, into: &mut Capture) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 32 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        into.push(&buffer[..count]);
    }
}

/// The files of one command. Dropping it removes them and kills the command.
struct ExecSession {
    process: std::path::PathBuf,
    pid: std::path::PathBuf,
    log: std::path::PathBuf,
    id: String,
}

impl ExecSession {
    fn new(container: &OciExec<'_>, request: &ExecRequest) -> Result<Self, RuntimeError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = container.run.path();
        let file = |name: &str| folder.join(format!("exec{number}.{name}"));
        let session = Self {
            process: file("json"),
            pid: file("pid"),
            log: file("log"),
            id: container.id().to_owned(),
        };
        let mut command = container.command.clone();
        command.args.clone_from(&request.argv);
        command.env = environment(command.env, &[&request.env]);
        if let Some(user) = &request.user {
            command.user.clone_from(user);
        }
        let doing = || format!("look into container {}", container.id());
        let ids = spec::resolve(container.root, &command.user)?;
        let process = spec::exec_process(&command, &ids, container.capabilities)?;
        let text = serde_json::to_vec(&process)
            .map_err(|error| host(doing())(std::io::Error::from(error)))?;
        fs::write(&session.process, text).map_err(host(doing()))?;
        Ok(session)
    }

    fn start(&self, container: &OciExec<'_>) -> Result<Child, RuntimeError> {
        let program = &container.runtime.program;
        tokio::process::Command::new(program)
            .arg("--root")
            .arg(container.run.path().join("state"))
            .arg("--log")
            .arg(&self.log)
            .args(["--log-format", "json", "exec", "--process"])
            .arg(&self.process)
            .arg("--pid-file")
            .arg(&self.pid)
            .arg(container.id())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(host(format!("run {}", program.display())))
    }

    /// Whether the command was started.
    fn begun(&self) -> bool {
        self.running().is_some()
    }

    /// Its pid on the host.
    fn running(&self) -> Option<i64> {
        fs::read_to_string(&self.pid).ok()?.trim().parse().ok()
    }

    /// Kills the command and its descendants. The command itself is in the container's pid namespace, so nothing else kills
    /// them: not even the end of the runtime's `exec`.
    fn kill(&self, id: &str) {
        let Some(pid) = self.running() else { return };
        // Several times, for children that are started meanwhile. Parents last: an orphan gets another parent, and would
        // not be found any more.
        for _ in 0..3 {
            for pid in below(pid).into_iter().rev() {
                process::kill(pid, id);
            }
        }
        process::kill(pid, id);
    }
}

impl Drop for ExecSession {
    fn drop(&mut self) {
        self.kill(&self.id);
        for file in [&self.process, &self.pid, &self.log] {
            // They do not exist if the command was not started.
            let _ = fs::remove_file(file);
        }
    }
}

/// A process and its descendants, parents before their children, by `/proc/PID/task/TID/children`.
fn below(pid: i64) -> Vec<i64> {
    let mut all = vec![pid];
    let mut seen = BTreeSet::from([pid]);
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let tasks = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
        let children: Vec<i64> = tasks
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| {
                text.split_whitespace()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<i64>>()
            })
            .collect();
        all.extend(children.into_iter().filter(|child| seen.insert(*child)));
        next += 1;
    }
    all
}
