//! Containers of a real daemon.

use std::time::{Duration, Instant};

use bollard::query_parameters::InspectContainerOptions;

use super::testing::{docker, image, nginx, runtime};
use super::*;
use crate::runtime::shared::Signalled;
use crate::runtime::*;

/// Long enough for a loaded machine; what is waited for comes much sooner.
const SOON: Duration = Duration::from_secs(30);

fn shell(script: &str) -> RunOptions {
    RunOptions {
        cmd: Some(vec!["/bin/sh".into(), "-c".into(), script.into()]),
        // Quicker.
        network: Some("none".into()),
        ..RunOptions::default()
    }
}

fn request(argv: &[&str], limit: Duration) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        user: None,
        env: vec![],
        limit,
    }
}

async fn started(options: &RunOptions) -> (DockerRuntime, Container) {
    let runtime = runtime().await;
    let container = runtime.create(&image("").await, options).await.unwrap();
    container.start().await.unwrap();
    (runtime, container)
}

async fn exists(id: &str) -> bool {
    docker()
        .await
        .inspect_container(id, None::<InspectContainerOptions>)
        .await
        .is_ok()
}

#[tokio::test]
async fn docker_a_container_runs_and_its_output_and_exit_code_are_told() {
    let (_, container) = started(&shell("echo out; echo err >&2; exit 7")).await;
    assert_eq!(container.id().len(), 64);
    let exit = tokio::time::timeout(SOON, container.exited())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        exit,
        ExitStatus {
            code: 7,
            oom_killed: false
        }
    );
    assert_eq!((container.pid(), container.exit()), (None, Some(exit)));
    container.logs().closed().await;
    let lines = container.logs().read(0).lines;
    assert!(
        lines.contains(&LogLine {
            stream: LogStream::Stdout,
            text: "out".into()
        }),
        "{lines:?}"
    );
    assert!(
        lines.contains(&LogLine {
            stream: LogStream::Stderr,
            text: "err".into()
        }),
        "{lines:?}"
    );
    container.remove().await.unwrap();
    container.remove().await.unwrap();
    assert!(!exists(container.id()).await);
}

#[tokio::test]
async fn docker_the_first_process_is_found_on_this_host() {
    let (runtime, container) = started(&shell("exec sleep 1000")).await;
    let pid = container.pid().unwrap();
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(cgroup.contains(container.id()), "{cgroup}");
    let labels = docker()
        .await
        .inspect_container(container.id(), None::<InspectContainerOptions>)
        .await
        .unwrap()
        .config
        .unwrap()
        .labels
        .unwrap();
    assert_eq!(labels[RUN_LABEL], runtime.run());
    assert!(matches!(
        container.start().await,
        Err(RuntimeError::StartedBefore(_))
    ));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_a_missing_command_or_image_or_user_is_named() {
    let runtime = runtime().await;
    let image = image("").await;
    let error = |options: RunOptions| {
        let (runtime, image) = (runtime.clone(), image.clone());
        async move {
            let container = runtime.create(&image, &options).await?;
            let result = container.start().await;
            container.remove().await?;
            result
        }
    };
    let run = |cmd: &str| RunOptions {
        cmd: Some(vec![cmd.into()]),
        ..RunOptions::default()
    };
    for missing in ["nope", "/bin/nope"] {
        let error = error(run(missing)).await.unwrap_err();
        assert!(
            matches!(&error, RuntimeError::CommandNotFound { command, .. } if command == missing),
            "{error}"
        );
    }
    let not_executable = error(run("/etc/passwd")).await.unwrap_err();
    assert!(
        matches!(not_executable, RuntimeError::CommandNotExecutable { .. }),
        "{not_executable}"
    );
    let options = RunOptions {
        user: Some("nobody".into()),
        ..run("true")
    };
    assert!(matches!(error(options).await, Err(RuntimeError::NoUser(_))));
    let options = RunOptions {
        network: Some("mfrun-no-net".into()),
        ..run("true")
    };
    assert!(matches!(error(options).await, Err(RuntimeError::Start(_))));
    let gone = runtime
        .create("mfrun-no-such-image", &RunOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        gone.to_string(),
        "find image \"mfrun-no-such-image\" in the Docker daemon"
    );
    assert_eq!(runtime.leftovers(), Vec::<String>::new());
}

#[tokio::test]
async fn docker_exec_gives_output_and_exit_code() {
    let (_, container) = started(&shell("exec sleep 1000")).await;
    let outcome = container
        .exec(&request(
            &["sh", "-c", "echo out; echo err >&2; exit 3"],
            SOON,
        ))
        .await
        .unwrap();
    assert_eq!(outcome.exit_code, Some(3));
    assert_eq!(
        (&outcome.stdout.tail[..], &outcome.stderr.tail[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );

    let outcome = container
        .exec(&request(&["no-such-program"], SOON))
        .await
        .unwrap();
    assert!(matches!(outcome.exit_code, Some(126 | 127)), "{outcome:?}");
    let said = String::from_utf8_lossy(&outcome.stdout.tail).into_owned();
    assert!(said.contains("no-such-program"), "{said}");

    let as_user = ExecRequest {
        user: Some("web".into()),
        ..request(&["id", "-u"], SOON)
    };
    assert_eq!(
        container.exec(&as_user).await.unwrap().stdout.tail,
        b"1000\n"
    );
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_exec_is_killed_at_its_time_limit() {
    let (_, container) = started(&shell("exec sleep 1000")).await;
    let begin = Instant::now();
    let outcome = container
        .exec(&request(
            &["sh", "-c", "echo begun; exec sleep 999"],
            Duration::from_secs(1),
        ))
        .await
        .unwrap();
    assert_eq!(
        (outcome.exit_code, &outcome.stdout.tail[..]),
        (None, &b"begun\n"[..])
    );
    assert!(begin.elapsed() < SOON);
    let left = container
        .exec(&request(&["sh", "-c", "cat /proc/*/cmdline"], SOON))
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&left.stdout.tail).contains("999"));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_exec_does_not_wait_for_a_child_that_holds_its_output() {
    let (_, container) = started(&shell("exec sleep 1000")).await;
    let begin = Instant::now();
    let outcome = container
        .exec(&request(&["sh", "-c", "sleep 999 & echo begun"], 4 * SOON))
        .await
        .unwrap();
    assert_eq!(
        (outcome.exit_code, &outcome.stdout.tail[..]),
        (Some(0), &b"begun\n"[..])
    );
    assert!(begin.elapsed() < SOON);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_a_stop_signal_that_is_handled_is_a_clean_end() {
    let runtime = runtime().await;
    let image = image("STOPSIGNAL SIGQUIT").await;
    let script = "trap 'echo bye; exit 4' QUIT; echo ready; while :; do sleep 0.1; done";
    let container = runtime.create(&image, &shell(script)).await.unwrap();
    assert_eq!(container.stop_signal(), "SIGQUIT");
    container.start().await.unwrap();
    assert_eq!(container.logs().next(0).await.lines[0].text, "ready");
    let stopped = container.stop(None).await.unwrap();
    assert_eq!(
        (stopped.signal.as_str(), stopped.outcome),
        ("SIGQUIT", StopOutcome::Exited)
    );
    assert_eq!(stopped.exit.code, 4);
    container.logs().closed().await;
    assert_eq!(container.logs().tail(1), ["bye"]);
    assert_eq!(
        container.stop(None).await.unwrap().outcome,
        StopOutcome::AlreadyExited
    );
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_a_signal_that_the_kernel_discards_is_not_waited_for() {
    let (_, container) = started(&shell("exec sleep 1000")).await;
    let begin = Instant::now();
    let stopped = container.stop(Some(4 * SOON)).await.unwrap();
    assert_eq!(
        (stopped.outcome, stopped.exit.code),
        (StopOutcome::Ignored, 137)
    );
    assert!(begin.elapsed() < SOON);
    container.remove().await.unwrap();
}

#[tokio::test]
#[cfg(target_arch = "x86_64")]
async fn docker_a_process_that_waits_for_its_signal_gets_its_grace_period() {
    // As tini does: SIGTERM is blocked, and taken by rt_sigtimedwait, which hides that it is.
    let script = "use POSIX; $| = 1; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); print qq(ready\\n); \
                  my $set = pack(q(Q), 1 << 14); syscall(128, $set, 0, 0, 8); select(undef, undef, undef, 1.5); exit 9";
    let options = RunOptions {
        cmd: Some(vec!["perl".into(), "-e".into(), script.into()]),
        network: Some("none".into()),
        ..RunOptions::default()
    };
    let container = runtime()
        .await
        .create(&nginx("").await, &options)
        .await
        .unwrap();
    container.start().await.unwrap();
    container.logs().next(0).await;
    // It prints a moment before it waits; from then on it does nothing else.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let stopped = container.stop(None).await.unwrap();
    assert_eq!(
        (stopped.outcome, stopped.exit.code),
        (StopOutcome::Exited, 9)
    );
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_a_container_that_handles_the_signal_and_stays_is_killed() {
    let (_, container) = started(&shell(
        "trap 'echo no' TERM; echo ready; while :; do sleep 0.1; done",
    ))
    .await;
    container.logs().next(0).await;
    let stopped = container
        .stop(Some(Duration::from_millis(500)))
        .await
        .unwrap();
    assert_eq!(
        (stopped.outcome, stopped.exit.code),
        (StopOutcome::Killed, 137)
    );
    assert!(stopped.duration >= Duration::from_millis(500));
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_options_reach_the_container() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "mounted").unwrap();
    let mount = format!(
        "type=bind,source={},target=/m,readonly",
        directory.path().display()
    );
    let script = "echo $A-$HOME_; id -u; cat /m/file; echo; cat /proc/sys/net/ipv4/ip_forward; \
                  (echo x > /root-file) 2>/dev/null || echo read-only; echo y > /t/f && echo tmpfs; \
                  cat /etc/hosts; pwd";
    let options = RunOptions {
        env: vec!["A=1".into(), "HOME_".into()],
        user: Some("1000".into()),
        workdir: Some("/www".into()),
        mounts: vec![parse_mount(&mount).unwrap()],
        tmpfs: vec![parse_tmpfs("/t:mode=1777").unwrap()],
        add_host: vec![parse_add_host("db:10.1.2.3").unwrap()],
        read_only: true,
        ..shell(script)
    };
    let runtime = runtime().await;
    let container = runtime
        .create(&image("ENV HOME_=gone").await, &options)
        .await
        .unwrap();
    container.start().await.unwrap();
    assert_eq!(container.exited().await.unwrap().code, 0);
    container.logs().closed().await;
    let lines = container.logs().tail(100);
    for expected in [
        "1-",
        "1000",
        "mounted",
        "read-only",
        "tmpfs",
        "10.1.2.3\tdb",
        "/www",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:?}"
        );
    }
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_an_entrypoint_replaces_the_command_too() {
    let runtime = runtime().await;
    let image = image("ENTRYPOINT [\"false\"]\nCMD [\"x\"]").await;
    let options = RunOptions {
        entrypoint: Some(vec!["echo".into(), "mine".into()]),
        ..RunOptions::default()
    };
    let container = runtime.create(&image, &options).await.unwrap();
    container.start().await.unwrap();
    container.exited().await.unwrap();
    container.logs().closed().await;
    assert_eq!(container.logs().tail(9), ["mine"]);
    container.remove().await.unwrap();
}

#[tokio::test]
async fn docker_a_sweep_removes_what_was_forgotten_and_nothing_else() {
    let (mine, container) = started(&shell("exec sleep 1000")).await;
    let (_, other) = started(&shell("exec sleep 1000")).await;
    let id = container.id().to_owned();
    std::mem::forget(container);
    assert_eq!(mine.leftovers(), std::slice::from_ref(&id));
    assert_eq!(mine.sweep().await.unwrap(), 1);
    assert!(!exists(&id).await && exists(other.id()).await);
    assert_eq!(mine.sweep().await.unwrap(), 0);
    other.remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_a_sweep_finds_a_container_whose_creation_was_given_up() {
    let runtime = runtime().await;
    let image = image("").await;
    let options = RunOptions::default();
    let mut creation = Box::pin(runtime.create(&image, &options));
    // Polled until the request is on its way, then dropped.
    let given_up = tokio::time::timeout(Duration::from_millis(1), &mut creation).await;
    drop(creation);
    if given_up.is_err() {
        assert!(runtime.sweep().await.unwrap() <= 1);
    }
    let name = format!("minifier-{}-0", runtime.run());
    drop(given_up);
    runtime.sweep().await.unwrap();
    assert!(!exists(&name).await);
}

#[tokio::test]
async fn docker_a_dropped_container_is_removed() {
    let (_, container) = started(&shell("exec sleep 1000")).await;
    let id = container.id().to_owned();
    drop(container);
    tokio::time::timeout(SOON, async {
        while exists(&id).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn docker_anonymous_volumes_go_with_the_container() {
    let runtime = runtime().await;
    let container = runtime
        .create(&image("VOLUME /data").await, &shell("true"))
        .await
        .unwrap();
    let inspected = docker()
        .await
        .inspect_container(container.id(), None::<InspectContainerOptions>)
        .await
        .unwrap();
    let volume = inspected.mounts.unwrap()[0].name.clone().unwrap();
    assert!(docker().await.inspect_volume(&volume).await.is_ok());
    container.remove().await.unwrap();
    assert!(docker().await.inspect_volume(&volume).await.is_err());
}
