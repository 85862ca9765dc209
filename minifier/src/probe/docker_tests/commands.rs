//! Commands inside and on the host, and health checks.

use std::time::{Duration, Instant};

use super::harness::{HTTPD, SOON, answers, drive_image, drive_script, shell};
use crate::probe::*;
use crate::runtime::testing::{config, image};
use crate::runtime::{RunOptions, parse_mount};

#[tokio::test]
async fn docker_failures_can_be_ignored_and_are_reported() {
    let report = drive_script(HTTPD, "EXPOSE 8080", |plan| {
        plan.ignore_failures = true;
        plan.steps = vec![
            Step::exec("false").unwrap(),
            Step::exec("echo after").unwrap(),
        ];
        plan.crawl = Crawl::Never;
    })
    .await
    .unwrap();
    assert_eq!(answers(&report), ["false 1", "echo after 0"]);
    assert_eq!(report.failures, ["false: exited with code 1"]);
    assert!(report.stopped.is_some());
}

#[tokio::test]
async fn docker_steps_run_in_the_order_given() {
    let directory = tempfile::tempdir().unwrap();
    let mount = format!(
        "type=bind,source={},target=/shared",
        directory.path().display()
    );
    let order = directory.path().join("order");
    let append = |word: &str| format!("sh -c 'echo {word} >> {}'", order.display());
    let image = image("EXPOSE 8080").await;
    let plan = ProbePlan {
        steps: vec![
            Step::exec("sh -c 'echo one >> /shared/order'").unwrap(),
            Step::host_exec(&append("two")).unwrap(),
            Step::exec("sh -c 'echo three >> /shared/order'").unwrap(),
            Step::Http(parse_http_probe("head:/a.html").unwrap()),
            Step::host_exec(&append("$MINIFIER_CONTAINER")).unwrap(),
        ],
        ..ProbePlan::for_image(&config(&image).await)
    };
    let options = RunOptions {
        mounts: vec![parse_mount(&mount).unwrap()],
        ..shell(HTTPD)
    };
    let report = drive_image(&image, &options, &plan).await.unwrap();
    assert_eq!(report.steps.len(), 5);
    let text = std::fs::read_to_string(order).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..3], ["one", "two", "three"]);
    assert_eq!(lines[3].len(), 64);
}

#[tokio::test]
async fn docker_a_failing_or_missing_command_fails_with_its_output() {
    let failure = |step: Result<Step, ProbePlanError>| async {
        let steps = vec![step.unwrap()];
        let edit = |plan: &mut ProbePlan| {
            plan.steps = steps;
            plan.crawl = Crawl::Never;
        };
        drive_script(HTTPD, "", edit).await.unwrap_err().to_string()
    };
    let text = failure(Step::exec("sh -c 'echo reason >&2; exit 9'")).await;
    assert!(
        text.contains("exited with code 9; its last output:\n  | reason"),
        "{text}"
    );
    let text = failure(Step::exec("no-such-program")).await;
    assert!(
        text.contains("no-such-program") && text.contains("not found"),
        "{text}"
    );
    let text = failure(Step::host_exec("/no/such/program")).await;
    assert!(
        text.contains("cannot run /no/such/program: No such file"),
        "{text}"
    );
}

#[tokio::test]
async fn docker_commands_are_killed_at_their_time_limit() {
    let begin = Instant::now();
    let report = drive_script(HTTPD, "", |plan| {
        plan.steps = vec![
            Step::exec("sleep 900").unwrap(),
            Step::host_exec("sh -c 'sleep 901 & echo $!; sleep 902'").unwrap(),
        ];
        plan.step_timeout = Duration::from_millis(700);
        plan.crawl = Crawl::Never;
        plan.ignore_failures = true;
    })
    .await
    .unwrap();
    assert_eq!(
        answers(&report),
        [
            "sleep 900 killed",
            "sh -c 'sleep 901 & echo $!; sleep 902' killed"
        ]
    );
    let Some(Answer::Command { output_tail, .. }) = &report.steps[1].answered else {
        panic!()
    };
    let child = format!("/proc/{}/cmdline", output_tail[0]);
    let left = std::fs::read(child).unwrap_or_default();
    assert!(
        !String::from_utf8_lossy(&left).contains("901"),
        "its child is killed, too"
    );
    assert!(begin.elapsed() < SOON);
}

#[tokio::test]
async fn docker_the_health_check_is_run_once() {
    let dockerfile = "EXPOSE 8080\nHEALTHCHECK --interval=1h CMD echo checked >> /www/checks.html";
    let report = drive_script(HTTPD, dockerfile, |plan| {
        plan.steps = vec![Step::exec("cat /www/checks.html").unwrap()];
    })
    .await
    .unwrap();
    assert_eq!(report.steps[0].kind, StepKind::Healthcheck);
    assert_eq!(
        report.steps[0].asked,
        "/bin/sh -c 'echo checked >> /www/checks.html'"
    );
    let Some(Answer::Command { output_tail, .. }) = &report.steps.last().unwrap().answered else {
        panic!()
    };
    assert_eq!(output_tail, &["checked"]);
}

#[tokio::test]
async fn docker_a_health_check_gets_its_retries_and_then_fails() {
    let counts = "sh -c 'echo x >> /n; test $(cat /n | grep -c x) -ge 3'";
    let dockerfile = format!("EXPOSE 8080\nHEALTHCHECK --interval=1s --retries=3 CMD {counts}");
    let report = drive_script(HTTPD, &dockerfile, |_| {}).await.unwrap();
    assert!(report.steps[0].ok, "{:?}", report.steps[0]);
    let dockerfile = "EXPOSE 8080\nHEALTHCHECK --interval=1s --retries=2 CMD [\"sh\", \"-c\", \"echo bad; exit 1\"]";
    let error = drive_script(HTTPD, dockerfile, |_| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("sh -c 'echo bad; exit 1': exited with code 1; its last output:\n  | bad"),
        "{error}"
    );
}

#[tokio::test]
async fn docker_a_worker_with_a_health_check_is_ready_when_that_passes() {
    let dockerfile = "HEALTHCHECK --interval=1h CMD test -f /ready";
    let report = drive_script("sleep 3; echo x > /ready; sleep 1000", dockerfile, |_| {})
        .await
        .unwrap();
    assert_eq!(report.readiness.by, ReadyBy::HealthCheck);
    assert_eq!(answers(&report), ["/bin/sh -c 'test -f /ready' 0"]);
}
