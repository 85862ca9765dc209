//! A program calls every system call in each awkward way and says what must be in the trace.

use std::collections::HashMap;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use minifier::trace::{Trace, TraceOptions, Tracer, calls};
use minifier_tests::conformance::make_data;
use minifier_tests::expected::assert_traced;
use xtask::container::Container;
use xtask::docker::{docker, docker_output};

use crate::privileged_trace::support::{assert_complete, import, program};

fn output_of(output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout.clone())?)
}

fn wait_ready(container: &Container) -> Result<()> {
    for _ in 0..1000 {
        let state = docker_output(&["inspect", "--format", "{{.State.Running}}", container.id()])?;
        if state != "true" {
            let logs = docker().args(["logs", container.id()]).output()?;
            anyhow::bail!("it ended: {}", String::from_utf8_lossy(&logs.stderr));
        }
        if docker()
            .args(["logs", container.id()])
            .output()?
            .stdout
            .ends_with(b"ready\n")
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("the program did not get ready")
}

#[tokio::test]
async fn privileged_every_call_is_traced_and_resolved() -> Result<()> {
    let root = tempfile::tempdir()?;
    program("conformance/main.rs", root.path())?;
    make_data(root.path())?;
    let image = import("conformance", root.path())?;
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    let container = Container::create(&[
        "--cap-add=SYS_ADMIN",
        "--cap-add=DAC_READ_SEARCH",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--tmpfs=/tmp",
        "--network=none",
        image.name(),
        "/conformance",
        "all",
    ])?;
    tracer.follow(container.id())?;
    container.start()?;
    wait_ready(&container)?;

    // Joined by `docker exec`, and by setns from the host.
    let mut printed = docker_output(&[
        "exec",
        container.id(),
        "/conformance",
        "open",
        "/data/by-exec",
    ])? + "\n";
    let pid = docker_output(&["inspect", "--format", "{{.State.Pid}}", container.id()])?;
    let joined = Command::new("nsenter")
        .args([
            "--mount",
            "--target",
            &pid,
            "/conformance",
            "open",
            "/data/by-nsenter",
        ])
        .stdin(Stdio::null())
        .output()?;
    printed += &output_of(&joined)?;
    docker_output(&["exec", container.id(), "/conformance", "stop"])?;
    let ended = docker_output(&["wait", container.id()])?;
    let trace = tracer.finish().await?;

    printed += &output_of(&docker().args(["logs", container.id()]).output()?)?;
    assert_eq!(ended, "0");
    assert_traced(&trace, &printed, 160)?;
    assert_complete(&trace);
    assert_processes(&trace);
    assert_seen(&trace);
    Ok(())
}

/// Who executed what, and whose child that was.
fn assert_processes(trace: &Trace) {
    let first = trace.accesses.first().expect("an access");
    assert_eq!(
        first.operation,
        minifier::trace::Operation::Execute,
        "the first thing is the entrypoint: {first:?}"
    );
    let pids: HashMap<&str, u32> = ["/data/grandchild", "/data/by-exec", "/data/from-thread"]
        .into_iter()
        .map(|path| {
            let access = trace
                .accesses
                .iter()
                .find(|access| access.requested == path.as_bytes());
            (path, access.unwrap_or_else(|| panic!("{path}")).pid)
        })
        .collect();
    let parent = |pid: u32| trace.processes[&pid].parent;
    let grandchild = pids["/data/grandchild"];
    assert_eq!(parent(parent(grandchild)), first.pid);
    for pid in pids.values() {
        let executables = &trace.processes[pid].executables;
        assert_eq!(
            executables.last().map(ToString::to_string).as_deref(),
            Some("/conformance"),
            "{executables:?}"
        );
    }
    assert!(
        !trace.processes.contains_key(&parent(first.pid)),
        "the runtime is not the container"
    );
}

/// Numbers of calls: those that never return included.
fn assert_seen(trace: &Trace) {
    for name in [
        "exit",
        "exit_group",
        "execve",
        "execveat",
        "openat",
        "io_uring_setup",
    ] {
        let number = calls::number(name).map(u32::from).expect("a number");
        assert!(
            trace.syscalls.contains(&number),
            "{name}: {:?}",
            trace.syscalls
        );
    }
}
