//! Commands: inside the container, and on this host in the container's network namespace.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{timeout, timeout_at};

use super::report::{Answer, StepKind, StepResult};
use crate::probe::sockets::Netns;
use crate::runtime::{Capture, ExecOutcome, ExecRequest, RuntimeError, Workload};

/// Lines of output that a result shows.
const LINES: usize = 20;
/// How long the output may stay open after a command has ended: a child may keep it open.
const DRAIN: Duration = Duration::from_millis(500);

/// Runs a command inside.
pub(crate) async fn exec<W: Workload>(
    workload: &W,
    kind: StepKind,
    argv: &[String],
    limit: Duration,
) -> Result<StepResult, RuntimeError> {
    let begin = Instant::now();
    let request = ExecRequest {
        argv: argv.to_vec(),
        user: None,
        env: Vec::new(),
        limit,
    };
    let asked = shell_words::join(argv);
    match workload.exec(&request).await {
        Ok(outcome) => Ok(result(kind, asked, outcome, limit, begin.elapsed())),
        // A failure of the workload, not of the tool.
        Err(RuntimeError::NotRunning(_)) => Ok(unanswered(
            kind,
            asked,
            "the container is not running".to_owned(),
            begin.elapsed(),
        )),
        Err(error) => Err(error),
    }
}

/// Runs a command of this host in the container's network namespace. It learns the container's id and pid from
/// `MINIFIER_CONTAINER` and `MINIFIER_PID`.
pub(crate) async fn host_exec<W: Workload>(
    workload: &W,
    netns: &Netns,
    argv: &[String],
    limit: Duration,
) -> StepResult {
    let begin = Instant::now();
    let asked = shell_words::join(argv);
    let (program, arguments) = match argv.split_first() {
        Some((program, arguments)) => (program.clone(), arguments.to_vec()),
        None => unreachable!("an empty command is refused when it is read"),
    };
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .env("MINIFIER_CONTAINER", workload.id())
        .env("MINIFIER_PID", workload.pid().unwrap_or(0).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that its children can be killed too. Ctrl-C then does not reach it, but this program, which
        // ends it.
        .process_group(0);
    // A process inherits the namespaces of the thread that starts it.
    match netns.run(run(command, limit)).await {
        Ok(outcome) => result(StepKind::HostExec, asked, outcome, limit, begin.elapsed()),
        Err(error) => {
            let reason = format!("cannot run {program}: {error}");
            unanswered(StepKind::HostExec, asked, reason, begin.elapsed())
        }
    }
}

/// Kills a process group when dropped. `None` once its leader was waited for: its number could belong to others by then.
struct ProcessGroup(Option<Pid>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may be empty by now, which is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

async fn run(mut command: Command, limit: Duration) -> std::io::Result<ExecOutcome> {
    let deadline = tokio::time::Instant::now() + limit;
    let mut child = command.spawn()?;
    let mut group = ProcessGroup(
        child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
    );
    let stdout = Arc::new(std::sync::Mutex::new(Capture::default()));
    let stderr = Arc::new(std::sync::Mutex::new(Capture::default()));
    let mut readers = tokio::task::JoinSet::new();
    if let Some(pipe) = child.stdout.take() {
        readers.spawn(copy(pipe, stdout.clone()));
    }
    if let Some(pipe) = child.stderr.take() {
        readers.spawn(copy(pipe, stderr.clone()));
    }
    // Read in tasks of their own: a command that fills a pipe would otherwise never end.
    let status = timeout_at(deadline, child.wait()).await.ok().transpose()?;
    // Waited for even after the kill, or it would stay as a zombie.
    if status.is_none() {
        drop(group);
        child.wait().await?;
    } else {
        group.0 = None;
        let _ = timeout(DRAIN, async {
            while readers.join_next().await.is_some() {}
        })
        .await;
    }
    let take = |capture: &std::sync::Mutex<Capture>| {
        std::mem::take(
            &mut *capture
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
        .finish()
    };
    Ok(ExecOutcome {
        exit_code: status.map(exit_code),
        stdout: take(&stdout),
        stderr: take(&stderr),
    })
}

async fn copy(mut pipe: impl AsyncRead + Unpin, capture: Arc<std::sync::Mutex<Capture>>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        capture
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(&buffer[..read]);
    }
}

fn exit_code(status: ExitStatus) -> i64 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
        .into()
}

fn result(
    kind: StepKind,
    asked: String,
    outcome: ExecOutcome,
    limit: Duration,
    duration: Duration,
) -> StepResult {
    let error = match outcome.exit_code {
        Some(0) => None,
        Some(code) => Some(format!("exited with code {code}")),
        None => Some(format!("killed after {} s", limit.as_secs_f64())),
    };
    let mut output_tail = outcome.stdout.last_lines(LINES);
    output_tail.extend(outcome.stderr.last_lines(LINES));
    let answered = Some(Answer::Command {
        exit_code: outcome.exit_code,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        output_tail,
    });
    StepResult {
        kind,
        asked,
        answered,
        duration,
        ok: error.is_none(),
        error,
    }
}

fn unanswered(kind: StepKind, asked: String, reason: String, duration: Duration) -> StepResult {
    StepResult {
        kind,
        asked,
        answered: None,
        duration,
        ok: false,
        error: Some(reason),
    }
}
