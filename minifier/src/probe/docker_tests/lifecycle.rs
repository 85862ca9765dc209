//! Getting ready, ending, being stopped, being given up.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use regex::Regex;
use tokio_util::sync::CancellationToken;

use super::harness::{HTTPD, SOON, answers, drive_image, drive_script, own_answers, shell};
use crate::probe::*;
use crate::runtime::testing::{config, image, nginx, runtime};
use crate::runtime::{RunOptions, StopOutcome};

#[tokio::test]
async fn docker_nginx_is_stopped_by_its_own_signal() {
    let image =
        nginx("EXPOSE 80\nSTOPSIGNAL SIGQUIT\nCMD [\"nginx\", \"-g\", \"daemon off;\"]").await;
    let plan = ProbePlan::for_image(&config(&image).await);
    let report = drive_image(&image, &RunOptions::default(), &plan)
        .await
        .unwrap();
    assert_eq!(own_answers(&report), ["GET http://127.0.0.1/ 200"]);
    let stopped = report.stopped.unwrap();
    assert_eq!(
        (stopped.signal.as_str(), stopped.outcome),
        ("SIGQUIT", StopOutcome::Exited)
    );
    assert_eq!(stopped.exit.code, 0);
}

#[tokio::test]
async fn docker_a_one_shot_image_is_recognised() {
    let report = drive_script("echo done", "", |_| {}).await.unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Exit);
    assert_eq!((report.exit.unwrap().code, report.stopped), (0, None));
    assert_eq!(report.logs_tail, ["done"]);
    // Also one that takes a while.
    let report = drive_script("sleep 0.5; echo done", "EXPOSE 8080", |_| {})
        .await
        .unwrap();
    assert_eq!(
        (report.readiness.by, report.exit.unwrap().code),
        (ReadyBy::Exit, 0)
    );
}

#[tokio::test]
async fn docker_a_crash_is_told_with_its_exit_code_and_last_lines() {
    let error = drive_script("echo cannot find it >&2; exit 3", "", |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "probe the container: it exited with code 3 before it listened\n\
         last lines of the container:\n  | cannot find it"
    );
    let report = drive_script("exit 3", "", |plan| plan.expected_exit = 3)
        .await
        .unwrap();
    assert_eq!(report.exit.unwrap().code, 3);
    let report = drive_script("exit 3", "", |plan| plan.ignore_failures = true)
        .await
        .unwrap();
    assert_eq!(
        report.failures,
        ["the container exited with code 3 before it listened"]
    );
}

#[tokio::test]
async fn docker_a_one_shot_image_cannot_be_sent_probes() {
    let edit = |plan: &mut ProbePlan| plan.steps = vec![Step::exec("true").unwrap()];
    let error = drive_script("true", "", edit)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("exited with code 0 before its probes could be sent"),
        "{error}"
    );
}

#[tokio::test]
async fn docker_a_workload_that_shows_nothing_is_not_ready() {
    let error = drive_script("echo working; sleep 1000", "", |plan| {
        plan.ready_timeout = Duration::from_secs(1);
    })
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "probe the container: it was not ready after 1 s (it runs but does not listen on a socket)\n\
         last lines of the container:\n  | working"
    );
    assert!(error.hint().unwrap().contains("--continue-after"));
}

#[tokio::test]
async fn docker_a_worker_that_waits_is_noticed_within_seconds() {
    let begin = Instant::now();
    let worker = "echo working; while :; do sleep 1; done";
    let error = drive_script(worker, "", |_| {}).await.unwrap_err();
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert_eq!(
        error.to_string(),
        "probe the container: it does not listen on a socket and has been idle for 8 s, like a worker that waits\n\
         last lines of the container:\n  | working"
    );
    assert!(error.is_workload_failure());
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("--continue-after 30s") && hint.contains("--exec"),
        "{hint}"
    );
}

#[tokio::test]
async fn docker_a_worker_that_waits_is_ready_for_commands() {
    let report = drive_script("while :; do sleep 1; done", "", |plan| {
        plan.steps = vec![Step::exec("echo job").unwrap()];
        plan.idle_timeout = Some(Duration::from_secs(2));
    })
    .await
    .unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Idle);
    assert_eq!(answers(&report), ["echo job 0"]);
}

#[tokio::test]
async fn docker_who_starts_or_declares_a_port_is_waited_for() {
    let quick = |plan: &mut ProbePlan| plan.idle_timeout = Some(Duration::from_secs(2));
    // Computes for five seconds before it listens.
    let busy = "end=$(($(date +%s) + 5)); while [ $(date +%s) -lt $end ]; do :; done";
    let report = drive_script(&format!("{busy}; {HTTPD}"), "", quick)
        .await
        .unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Listening);
    let report = drive_script(&format!("sleep 5; {HTTPD}"), "EXPOSE 8080", quick)
        .await
        .unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Listening);
}

#[tokio::test]
async fn docker_a_worker_runs_as_long_as_the_user_says() {
    let begin = Instant::now();
    let report = drive_script("echo working; sleep 1000", "", |plan| {
        plan.continue_after = ContinueAfter::For(Duration::from_secs(1));
    })
    .await
    .unwrap();
    assert_eq!(report.readiness.by, ReadyBy::User);
    assert!(begin.elapsed() >= Duration::from_secs(1) && report.stopped.is_some());
}

#[tokio::test]
async fn docker_the_end_of_the_container_can_be_awaited() {
    let edit = |plan: &mut ProbePlan| plan.continue_after = ContinueAfter::Exit;
    let script = "httpd -p 8080 -h /www; sleep 2; echo bye";
    let report = drive_script(script, "", edit).await.unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Listening);
    assert_eq!((report.exit.unwrap().code, report.stopped), (0, None));
    assert_eq!(report.logs_tail.last().unwrap(), "bye");

    let edit = |plan: &mut ProbePlan| {
        plan.continue_after = ContinueAfter::Exit;
        plan.exit_timeout = Some(Duration::from_millis(300));
    };
    let error = drive_script(HTTPD, "", edit).await.unwrap_err();
    assert!(matches!(error, ProbeError::StillRunning { .. }), "{error}");
}

#[tokio::test]
async fn docker_a_line_of_output_can_be_awaited() {
    let script = "httpd -p 8080 -h /www; echo starting; sleep 0.5; echo ready on 8080; sleep 1000";
    let report = drive_script(script, "EXPOSE 8080", |plan| {
        plan.wait_for_log = Some(Regex::new("ready on [0-9]+").unwrap());
    })
    .await
    .unwrap();
    assert_eq!(
        report.readiness.by,
        ReadyBy::Log {
            line: "ready on 8080".into()
        }
    );
    assert_eq!(answers(&report)[0], "GET http://127.0.0.1:8080/ 200");
    let error = drive_script(script, "", |plan| {
        plan.wait_for_log = Some(Regex::new("never").unwrap());
        plan.ready_timeout = Duration::from_secs(1);
    })
    .await
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("no line of its output matched \"never\""),
        "{error}"
    );
}

#[tokio::test]
async fn docker_a_container_that_ends_while_it_is_probed_is_named() {
    let error = drive_script("httpd -p 8080 -h /www; sleep 1; exit 5", "", |plan| {
        plan.steps = vec![Step::exec("sleep 100").unwrap()];
    })
    .await
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("sleep 100") && error.contains("exited with code 5"),
        "{error}"
    );
}

#[tokio::test]
async fn docker_cancelling_leaves_nothing() {
    let (runtime, image) = (runtime().await, image("").await);
    let container = runtime.create(&image, &shell(HTTPD)).await.unwrap();
    container.start().await.unwrap();
    let plan = ProbePlan {
        steps: vec![Step::host_exec("sleep 903").unwrap()],
        crawl: Crawl::Never,
        ..ProbePlan::default()
    };
    let cancel = CancellationToken::new();
    let child = Mutex::new(false);
    let observer = |event: Event<'_>| {
        if matches!(event, Event::StepStarted { .. }) {
            *child.lock().unwrap() = true;
            let cancel = cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                cancel.cancel();
            });
        }
    };
    let begin = Instant::now();
    let result = drive(&container, &plan, &cancel, &observer).await;
    assert!(matches!(result, Err(ProbeError::Cancelled)), "{result:?}");
    assert!(*child.lock().unwrap() && begin.elapsed() < SOON);
    let id = container.id().to_owned();
    container.remove().await.unwrap();
    assert_eq!(
        (runtime.leftovers(), runtime.sweep().await.unwrap()),
        (vec![], 0)
    );
    let runs = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut environments =
            all.map(|p| std::fs::read(p.path().join("environ")).unwrap_or_default());
        environments.any(|text| String::from_utf8_lossy(&text).contains(&id))
    };
    tokio::time::timeout(SOON, async {
        while runs() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the command on the host is killed");
}

#[tokio::test]
async fn docker_progress_is_told_in_order() {
    let (runtime, image) = (runtime().await, image("EXPOSE 8080").await);
    let container = runtime.create(&image, &shell(HTTPD)).await.unwrap();
    container.start().await.unwrap();
    let plan = ProbePlan {
        crawl_limits: CrawlLimits {
            pages: 1,
            ..CrawlLimits::default()
        },
        ..ProbePlan::for_image(&config(&image).await)
    };
    let told = Mutex::new(Vec::new());
    let observer = |event: Event<'_>| {
        let text = format!("{event:?}");
        let name = text.split([' ', '(']).next().unwrap_or_default().to_owned();
        told.lock().unwrap().push(name);
    };
    let report = drive(&container, &plan, &CancellationToken::new(), &observer)
        .await
        .unwrap();
    container.remove().await.unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [
            "WaitingReady",
            "Ready",
            "StepStarted",
            "StepFinished",
            "Stopping",
            "Stopped"
        ]
    );
    assert_eq!(report.ports[0].crawl_cut, Some(CrawlCut::Pages));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["readiness"]["by"], "listening");
    assert_eq!(json["ports"][0]["crawl_cut"], "pages");
    assert_eq!(json["steps"][0]["kind"], "http-default");
    assert_eq!(json["steps"][0]["answered"]["status"], 200);
    assert_eq!(json["stopped"]["outcome"], "ignored");
}
