//! Fixtures' images run by an OCI runtime: they end, answer and stop as they do with Docker, and are traced.

use anyhow::{Context, Result};
use minifier::probe::{self, Event, ProbePlan, ProbeReport, ReadyBy};
use minifier::rootfs::ImagePath;
use minifier::runtime::{ExecRequest, RunOptions, StopOutcome, Workload};
use minifier::trace::{Trace, TraceOptions, Tracer};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::privileged_oci::support::{create, script};

/// Traces and drives a fixture's image as it is.
async fn traced(fixture: &str) -> Result<(ProbeReport, Trace, Vec<String>)> {
    let mut tracer = Tracer::attach(TraceOptions::default()).await?;
    let (config, container) = create(fixture, &RunOptions::default()).await?;
    tracer.follow(container.id())?;
    container.start().await?;
    let plan = ProbePlan::for_image(&config);
    let silent = |_: Event<'_>| {};
    let cancel = CancellationToken::new();
    let report = probe::drive(&container, &plan, &cancel, &silent).await;
    let logs = container.logs().tail(50);
    let report = report.with_context(|| format!("{logs:#?}"))?;
    let trace = tracer.finish().await?;
    container.remove().await?;
    assert!(trace.is_complete(), "{:?}", trace.gaps);
    assert_eq!(trace.lost(), 0, "{:?}", trace.hooks);
    Ok((report, trace, logs))
}

/// Asserts that the entrypoint's accesses are there, and nothing of the runtime's own.
fn assert_traced(trace: &Trace, paths: &[&str]) {
    let executables: Vec<&ImagePath> = trace
        .processes
        .values()
        .flat_map(|process| &process.executables)
        .collect();
    for path in paths {
        let path = ImagePath::from(*path);
        let seen = trace.accesses.iter().any(|access| {
            access.resolved.as_ref() == Some(&path) || access.requested == path.as_bytes()
        });
        assert!(
            seen || executables.contains(&&path),
            "{path} is not in the trace"
        );
    }
    let foreign: Vec<String> = trace
        .accesses
        .iter()
        .map(|access| String::from_utf8_lossy(&access.requested).into_owned())
        .filter(|path| {
            ["runc", "oci-cache", "exec.fifo", "config.json", "memfd:"]
                .iter()
                .any(|word| path.contains(word))
        })
        .collect();
    assert!(foreign.is_empty(), "of the runtime: {foreign:?}");
}

#[tokio::test]
async fn privileged_a_job_ends_with_its_exit_code_and_its_output() -> Result<()> {
    let (report, trace, logs) = traced("job").await?;
    assert_eq!(report.readiness.by, ReadyBy::Exit);
    assert!(!logs.is_empty());
    assert!(!trace.accesses.is_empty());
    assert_traced(&trace, &[]);
    Ok(())
}

#[tokio::test]
async fn privileged_nginx_answers_in_its_own_network() -> Result<()> {
    let (report, trace, _) = traced("nginx").await?;
    assert_eq!(report.readiness.by, ReadyBy::Listening);
    let stopped = report.stopped.context("it was stopped")?;
    assert_eq!(stopped.outcome, StopOutcome::Exited);
    assert!(
        report.steps.iter().any(|step| step.ok),
        "{:?}",
        report.steps
    );
    assert_traced(&trace, &["/etc/nginx/nginx.conf", "/usr/sbin/nginx"]);
    Ok(())
}

#[tokio::test]
async fn privileged_a_static_binary_runs_without_anything_else() -> Result<()> {
    let (report, trace, _) = traced("static").await?;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_traced(&trace, &[]);
    Ok(())
}

#[tokio::test]
async fn privileged_postgres_gets_its_volume_and_changes_its_user() -> Result<()> {
    let (report, _, _) = traced("postgres").await?;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(())
}

#[tokio::test]
async fn privileged_redis_runs_as_its_own_user() -> Result<()> {
    let (report, _, _) = traced("redis").await?;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(())
}

#[tokio::test]
async fn privileged_a_health_check_is_run_by_the_probes() -> Result<()> {
    let (report, _, _) = traced("healthcheck").await?;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    Ok(())
}

#[tokio::test]
async fn privileged_java_and_node_answer() -> Result<()> {
    for fixture in ["java", "node-express"] {
        let (report, _, _) = traced(fixture).await?;
        assert!(
            report.failures.is_empty(),
            "{fixture}: {:?}",
            report.failures
        );
        assert!(
            report.steps.iter().any(|step| step.ok),
            "{:?}",
            report.steps
        );
    }
    Ok(())
}

#[tokio::test]
async fn privileged_commands_run_inside_until_their_limit() -> Result<()> {
    let (_, container) = create("debian", &script("exec sleep 100")).await?;
    container.start().await?;
    let request = |argv: &[&str], limit| ExecRequest {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        user: None,
        env: vec!["A=1".to_owned()],
        limit: Duration::from_millis(limit),
    };
    let run = |argv, limit| {
        let request = request(argv, limit);
        let container = &container;
        async move { container.exec(&request).await }
    };
    let told = run(&["sh", "-c", "echo $A; echo err >&2; exit 3"], 20_000).await?;
    assert_eq!(told.exit_code, Some(3));
    assert_eq!(
        (told.stdout.tail.as_slice(), told.stderr.tail.as_slice()),
        (&b"1\n"[..], &b"err\n"[..])
    );
    let missing = run(&["/no/such"], 20_000).await?;
    assert_eq!(
        missing.exit_code,
        Some(127),
        "{:?}",
        missing.stdout.last_lines(1)
    );
    let forbidden = run(&["/etc/passwd"], 20_000).await?;
    assert_eq!(
        forbidden.exit_code,
        Some(126),
        "{:?}",
        forbidden.stdout.last_lines(1)
    );
    let long = run(&["sh", "-c", "sleep 77 & sleep 78; true"], 500).await?;
    assert_eq!(long.exit_code, None);
    let left = run(
        &["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"],
        20_000,
    )
    .await?;
    let left = String::from_utf8_lossy(&left.stdout.tail).into_owned();
    assert!(
        !left.contains("sleep 77") && !left.contains("sleep 78"),
        "{left}"
    );
    let as_other = ExecRequest {
        user: Some("nobody".to_owned()),
        ..request(&["id", "-u"], 20_000)
    };
    let other = container.exec(&as_other).await?;
    assert_eq!(other.stdout.tail, b"65534\n");
    let stopped = container.stop(None).await?;
    assert_eq!(stopped.outcome, StopOutcome::Ignored);
    assert_eq!(stopped.exit.code, 137);
    assert!(run(&["true"], 1000).await.is_err());
    container.remove().await?;
    Ok(())
}
