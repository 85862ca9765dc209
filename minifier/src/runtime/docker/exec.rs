//! Running a command inside a container by the exec API, within a time limit.

use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::messages::{daemon, status};
use crate::runtime::error::RuntimeError;
use crate::runtime::shared::{Capture, ExecOutcome, ExecRequest, Life, process};

/// How often to look whether the command has ended while its output stays open (a child may hold it).
const LOOK: Duration = Duration::from_millis(250);
/// How long the daemon may take to note the end of a command after its output ended.
const SETTLE: Duration = Duration::from_secs(5);

/// A container that commands are run in.
pub(crate) struct DockerExec<'a> {
    pub(crate) docker: &'a Docker,
    pub(crate) id: &'a str,
    pub(crate) life: &'a Life,
}

/// Runs a command; kills it at its time limit.
pub(crate) async fn exec(
    container: &DockerExec<'_>,
    request: &ExecRequest,
) -> Result<ExecOutcome, RuntimeError> {
    let deadline = Instant::now() + request.limit;
    let docker = container.docker;
    let action = |what: &str| format!("{what} {:?} in container {}", request.argv, container.id);
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(request.argv.clone()),
        env: (!request.env.is_empty()).then(|| request.env.clone()),
        user: request.user.clone(),
        ..CreateExecOptions::default()
    };
    let not_running = |error: &bollard::errors::Error| status(error).is_some_and(|s| s.0 == 409);
    let exec = match docker.create_exec(container.id, options).await {
        Err(error) if not_running(&error) => {
            return Err(RuntimeError::NotRunning(container.id.to_owned()));
        }
        other => other.map_err(daemon(action("prepare")))?.id,
    };
    let (mut stdout, mut stderr) = (Capture::default(), Capture::default());
    let started = match docker.start_exec(&exec, None::<StartExecOptions>).await {
        Err(error) if not_running(&error) => {
            return Err(RuntimeError::NotRunning(container.id.to_owned()));
        }
        // Newer daemons answer a command that cannot be started with an error, older ones in its output.
        Err(error) if status(&error).is_some_and(|s| s.1.contains("exec failed")) => {
            stdout.push(status(&error).map_or(b"".as_slice(), |s| s.1.as_bytes()));
            let exit_code = Some(inspect(container, &exec).await?.exit_code.unwrap_or(126));
            return Ok(ExecOutcome {
                exit_code,
                stdout: stdout.finish(),
                stderr: stderr.finish(),
            });
        }
        other => other.map_err(daemon(action("start")))?,
    };
    // The input half is kept: dropping it would close the whole connection if the transport is not a socket.
    let StartExecResults::Attached {
        mut output,
        input: _input,
    } = started
    else {
        unreachable!("the command was not started detached")
    };
    let mut ended = false;
    while Instant::now() < deadline {
        match timeout_at(deadline.min(Instant::now() + LOOK), output.next()).await {
            Ok(Some(Ok(LogOutput::StdErr { message }))) => stderr.push(&message),
            Ok(Some(Ok(piece))) => stdout.push(&piece.into_bytes()),
            Ok(Some(Err(error))) => return Err(daemon(action("read the output of"))(error)),
            Ok(None) => {
                ended = true;
                break;
            }
            // A child in the background keeps the output open after the command has ended; Docker's own client would
            // wait for it for ever.
            Err(_) if inspect(container, &exec).await?.running == Some(false) => {
                ended = true;
                break;
            }
            Err(_) => {}
        }
    }
    let exit_code = if ended {
        exit_code(container, &exec).await?
    } else {
        None
    };
    // The API has no call that ends a command: its process is killed on this host.
    if exit_code.is_none() {
        let running = inspect(container, &exec).await?;
        process::kill(running.pid.unwrap_or(0), container.id);
    }
    Ok(ExecOutcome {
        exit_code,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    })
}

/// Waits until the daemon has noted the exit code; it does so a moment after the output ends.
async fn exit_code(container: &DockerExec<'_>, exec: &str) -> Result<Option<i64>, RuntimeError> {
    let wait = async {
        loop {
            let state = inspect(container, exec).await?;
            if state.running != Some(true) {
                return Ok(state.exit_code);
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SETTLE, wait).await.unwrap_or(Ok(None))
}

async fn inspect(
    container: &DockerExec<'_>,
    exec: &str,
) -> Result<bollard::models::ExecInspectResponse, RuntimeError> {
    let action = || format!("inspect a command in container {}", container.id);
    match container.docker.inspect_exec(exec).await {
        // The daemon forgets the commands of a container that has ended.
        Err(error)
            if status(&error).is_some_and(|s| s.0 == 404) && container.life.exit().is_some() =>
        {
            Err(RuntimeError::NotRunning(container.id.to_owned()))
        }
        other => other.map_err(daemon(action())),
    }
}
