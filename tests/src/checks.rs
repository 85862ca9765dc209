//! Running an image plainly with `docker run` and asking it what its recipe lists.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::container::{Container, LABEL};
use xtask::docker::docker;
use xtask::fixtures::{Check, Exec, Http, Recipe, Tcp};
use xtask::http;

use crate::Answers;

/// How long a service gets until its first check is answered, and to become healthy.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// How the root file system is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootFs {
    /// As `docker run` does it by default.
    Writable,
    /// With `--read-only` and the tmpfs folders of the recipe.
    ReadOnly,
}

/// Runs `image` as the recipe says and gives its answers.
///
/// An answer that the recipe does not expect is an error, with the end of the container's log.
pub fn run_checks(image: &str, recipe: &Recipe, rootfs: RootFs) -> Result<Answers> {
    let mut options = [recipe.run.clone(), recipe.docker_run.clone()].concat();
    if rootfs == RootFs::ReadOnly {
        let read_only = recipe.read_only.as_ref();
        let read_only =
            read_only.with_context(|| format!("{} cannot run read-only", recipe.name))?;
        options.push("--read-only".to_owned());
        options.extend(
            read_only
                .tmpfs
                .iter()
                .map(|folder| format!("--tmpfs={folder}")),
        );
    }
    match recipe.port {
        Some(port) => service(image, recipe, &options, port),
        None => job(image, recipe, &options),
    }
    .with_context(|| format!("run {image} ({rootfs:?})"))
}

fn job(image: &str, recipe: &Recipe, options: &[String]) -> Result<Answers> {
    let mut run = docker();
    run.args(["run", "--rm", "--pull=never", "--label", LABEL])
        .args(options)
        .arg(image)
        .stdin(Stdio::null());
    let output = run.output().context("start docker run")?;
    let stdout = text(&output.stdout);
    let stderr = text(&output.stderr);
    let code = output.status.code().unwrap_or(-1);
    ensure!(
        code == recipe.exit_code,
        "it exited with {code}:\n{stdout}{stderr}"
    );
    if let Some(expected) = &recipe.prints {
        ensure!(
            stdout.contains(expected),
            "{expected:?} is not in its output:\n{stdout}{stderr}"
        );
    }
    let mut answers = Answers::default();
    answers.push("exit code", code.to_string());
    answers.push("standard output", stdout);
    answers.push("standard error", stderr);
    Ok(answers)
}

fn service(image: &str, recipe: &Recipe, options: &[String], port: u16) -> Result<Answers> {
    let container = Container::serve(image, options, port)?;
    let mut answers = Answers::default();
    for (index, check) in recipe.checks.iter().enumerate() {
        let waits = index == 0 || matches!(check, Check::Healthy(_));
        let answer = if waits {
            wait_for(&container, port, check)
        } else {
            ask(&container, port, check)
        };
        let answer = answer.with_context(|| {
            let logs = container.logs(20).unwrap_or_default();
            format!(
                "{}; the end of the container's log:\n{logs}\n",
                question(check)
            )
        })?;
        answers.push(question(check), answer);
    }
    let code = container.stop()?;
    ensure!(
        code == recipe.exit_code,
        "it exited with {code} after docker stop; the end of its log:\n{}",
        container.logs(20)?
    );
    answers.push("exit code after docker stop", code.to_string());
    Ok(answers)
}

/// Asks until the expected answer comes, the container ends or patience does.
fn wait_for(container: &Container, port: u16, check: &Check) -> Result<String> {
    let start = Instant::now();
    loop {
        match ask(container, port, check) {
            Ok(answer) => return Ok(answer),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(error) if !container.is_running()? => return Err(error.context("it has ended")),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn ask(container: &Container, port: u16, check: &Check) -> Result<String> {
    match check {
        Check::Http(check) => ask_http(container, port, check),
        Check::Tcp(check) => ask_tcp(container, port, check),
        Check::Exec(check) => ask_exec(container, check),
        Check::Healthy(_) => {
            let health = container.health()?;
            ensure!(health == "healthy", "its health is {health}");
            Ok(health)
        }
    }
}

fn ask_http(container: &Container, port: u16, check: &Http) -> Result<String> {
    let Http {
        method,
        path,
        body,
        content_type,
        status,
        contains,
    } = check;
    let address = container.address(port)?;
    let response = http::request(address, method, path, content_type.as_deref(), body)?;
    let body = text(&response.body);
    ensure!(
        response.status == *status,
        "the status is {}, the body:\n{body}",
        response.status
    );
    ensure!(
        body.contains(contains),
        "{contains:?} is not in the body:\n{body}"
    );
    Ok(format!(
        "{} {} {body}",
        response.status,
        response.content_type.unwrap_or_default()
    ))
}

fn ask_tcp(container: &Container, port: u16, check: &Tcp) -> Result<String> {
    let mut stream = http::connect(container.address(port)?)?;
    stream.write_all(check.send.as_bytes())?;
    let mut answer = vec![0; check.expect.len()];
    stream.read_exact(&mut answer)?;
    let answer = text(&answer);
    ensure!(answer == check.expect, "it answers {answer:?}");
    Ok(answer)
}

fn ask_exec(container: &Container, check: &Exec) -> Result<String> {
    let output = container.exec(&check.command, check.user.as_deref())?;
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code().unwrap_or(-1);
    ensure!(
        code == check.exit_code,
        "it exited with {code}:\n{stdout}{stderr}"
    );
    ensure!(
        stdout.contains(&check.contains),
        "{:?} is not in:\n{stdout}{stderr}",
        check.contains
    );
    Ok(format!("{code}\n{stdout}{stderr}"))
}

fn question(check: &Check) -> String {
    match check {
        Check::Http(check) => format!("{} {}", check.method, check.path),
        Check::Tcp(check) => format!("send {:?}", check.send),
        Check::Exec(check) => format!("exec {}", check.command.join(" ")),
        Check::Healthy(_) => "health".to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}
