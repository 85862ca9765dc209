//! Driving containers of a real daemon; needs root for their network namespaces.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use regex::Regex;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::runtime::testing::{config, image, nginx, runtime};
use crate::runtime::{RunOptions, StopOutcome, parse_mount, parse_sysctl};

/// Long enough for a loaded machine; what is waited for comes much sooner.
const SOON: Duration = Duration::from_secs(30);

/// Starts a container of an image, drives it and removes it.
async fn drive_image(
    image: &str,
    options: &RunOptions,
    plan: &ProbePlan,
) -> Result<ProbeReport, ProbeError> {
    let runtime = runtime().await;
    let container = runtime.create(image, options).await.unwrap();
    container.start().await.unwrap();
    let silent = |_: Event<'_>| {};
    let result = drive(&container, plan, &CancellationToken::new(), &silent).await;
    container.remove().await.unwrap();
    assert_eq!(runtime.sweep().await.unwrap(), 0);
    result
}

/// The same with busybox, a script and what its image asks for.
async fn drive_script(
    script: &str,
    dockerfile: &str,
    edit: impl FnOnce(&mut ProbePlan),
) -> Result<ProbeReport, ProbeError> {
    let image = image(dockerfile).await;
    let mut plan = ProbePlan::for_image(&config(&image).await);
    edit(&mut plan);
    drive_image(&image, &shell(script), &plan).await
}

fn shell(script: &str) -> RunOptions {
    RunOptions {
        cmd: Some(vec!["/bin/sh".into(), "-c".into(), script.into()]),
        ..RunOptions::default()
    }
}

const HTTPD: &str = "exec httpd -f -vv -p 8080 -h /www";

/// `asked status` or `asked exit-code` per step.
fn answers(report: &ProbeReport) -> Vec<String> {
    let line = |step: &StepResult| match &step.answered {
        Some(Answer::Http { status, .. }) => format!("{} {status}", step.asked),
        Some(Answer::Command { exit_code, .. }) => {
            format!(
                "{} {}",
                step.asked,
                exit_code.map_or("killed".into(), |code| code.to_string())
            )
        }
        None => format!("{} -", step.asked),
    };
    report.steps.iter().map(line).collect()
}

#[tokio::test]
async fn docker_a_web_server_is_asked_for_its_pages_and_stopped() {
    let report = drive_script(HTTPD, "EXPOSE 8080", |_| {}).await.unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Listening);
    assert_eq!(
        answers(&report),
        [
            "GET http://127.0.0.1:8080/ 200",
            "GET http://127.0.0.1:8080/style.css 200",
            "GET http://127.0.0.1:8080/a.html 200",
            "GET http://127.0.0.1:8080/missing 404",
            "GET http://127.0.0.1:8080/bg.png 200",
            "GET http://127.0.0.1:8080/b.html 200",
        ]
    );
    assert!(report.steps.iter().all(|step| step.ok));
    assert_eq!(report.ports[0].speaks, Speaks::Http);
    assert_eq!(report.stopped.unwrap().outcome, StopOutcome::Ignored);
    assert!(
        report
            .logs_tail
            .iter()
            .any(|line| line.contains("url:/a.html"))
    );
}

#[tokio::test]
async fn docker_nginx_is_stopped_by_its_own_signal() {
    let image =
        nginx("EXPOSE 80\nSTOPSIGNAL SIGQUIT\nCMD [\"nginx\", \"-g\", \"daemon off;\"]").await;
    let plan = ProbePlan::for_image(&config(&image).await);
    let report = drive_image(&image, &RunOptions::default(), &plan)
        .await
        .unwrap();
    assert_eq!(answers(&report), ["GET http://127.0.0.1/ 200"]);
    let stopped = report.stopped.unwrap();
    assert_eq!(
        (stopped.signal.as_str(), stopped.outcome),
        ("SIGQUIT", StopOutcome::Exited)
    );
    assert_eq!(stopped.exit.code, 0);
}

#[tokio::test]
async fn docker_https_is_found_and_any_certificate_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=elsewhere",
        ])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let site = "events {}\nhttp { server { listen 8443 ssl; ssl_certificate /t/cert.pem; \
                ssl_certificate_key /t/key.pem; location / { return 200 'inside tls'; } } }";
    std::fs::write(directory.path().join("nginx.conf"), site).unwrap();
    let mount = format!(
        "type=bind,source={},target=/t,readonly",
        directory.path().display()
    );
    let options = RunOptions {
        mounts: vec![parse_mount(&mount).unwrap()],
        ..RunOptions::default()
    };
    let image = nginx("CMD [\"nginx\", \"-c\", \"/t/nginx.conf\", \"-g\", \"daemon off;\"]").await;
    let plan = ProbePlan {
        steps: vec![Step::Http(parse_http_probe("/x").unwrap())],
        crawl: Crawl::Always,
        ..ProbePlan::default()
    };
    let report = drive_image(&image, &options, &plan).await.unwrap();
    assert_eq!(report.ports[0].speaks, Speaks::Https);
    assert_eq!(
        answers(&report),
        [
            "GET https://127.0.0.1:8443/ 200",
            "GET https://127.0.0.1:8443/x 200"
        ]
    );
    let Some(Answer::Http { bytes, sha256, .. }) = &report.steps[1].answered else {
        panic!()
    };
    assert_eq!(
        (*bytes, *sha256),
        (10, crate::image::Digest::of(b"inside tls"))
    );
}

#[tokio::test]
async fn docker_an_unexpected_status_fails_with_what_came_back() {
    let error = drive_script(HTTPD, "EXPOSE 8080", |plan| {
        let mut probe = parse_http_probe("/nothing").unwrap();
        probe.expect = Some("200".parse().unwrap());
        plan.steps = vec![Step::Http(probe)];
    })
    .await
    .unwrap_err();
    assert!(error.is_workload_failure());
    let text = error.to_string();
    for part in [
        "probe the container: GET http://127.0.0.1:8080/nothing: expected status 200, got 404",
        "text/html",
        "last lines of the container:",
        "url:/nothing",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        answers(error.report().unwrap()),
        ["GET http://127.0.0.1:8080/nothing 404"]
    );
}

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
async fn docker_a_command_on_the_host_reaches_the_workload_on_its_loopback() {
    let report = drive_script("exec httpd -f -p 127.0.0.1:8080 -h /www", "", |plan| {
        plan.steps = vec![
            Step::host_exec("/bin/busybox wget -qO- http://127.0.0.1:8080/style.css").unwrap(),
        ];
    })
    .await
    .unwrap();
    assert_eq!(
        report.readiness.listeners[0].to_string(),
        "tcp 127.0.0.1:8080"
    );
    let Some(Answer::Command { output_tail, .. }) = &report.steps.last().unwrap().answered else {
        panic!()
    };
    assert_eq!(output_tail, &["body { background: url(bg.png) }"]);
}

#[tokio::test]
async fn docker_a_failing_or_missing_command_fails_with_its_output() {
    let failure = |step: Result<Step, PlanError>| async {
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
        "probe the container: it was not ready after 1 s (it runs and listens on nothing)\n\
         last lines of the container:\n  | working"
    );
    assert!(error.hint().unwrap().contains("--continue-after"));
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

#[tokio::test]
async fn docker_the_network_may_be_none() {
    let image = image("EXPOSE 8080").await;
    let plan = ProbePlan::for_image(&config(&image).await);
    let options = RunOptions {
        network: Some("none".into()),
        ..shell(HTTPD)
    };
    let report = drive_image(&image, &options, &plan).await.unwrap();
    assert_eq!(answers(&report)[0], "GET http://127.0.0.1:8080/ 200");
}

#[tokio::test]
async fn docker_on_the_host_network_only_the_containers_sockets_count() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let script = format!("sleep 0.3; exec httpd -f -p 127.0.0.1:{port} -h /www");
    let options = RunOptions {
        network: Some("host".into()),
        ..shell(&script)
    };
    let plan = ProbePlan::default();
    let report = drive_image(&image("").await, &options, &plan)
        .await
        .unwrap();
    let listeners: Vec<String> = report
        .readiness
        .listeners
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listeners, [format!("tcp 127.0.0.1:{port}")]);
    assert_eq!(
        answers(&report)[0],
        format!("GET http://127.0.0.1:{port}/ 200")
    );
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "nobody else is asked");
}

#[tokio::test]
async fn docker_a_workload_on_ipv6_only_is_reached() {
    let image = image("").await;
    let options = RunOptions {
        network: Some("none".into()),
        sysctls: [
            parse_sysctl("net.ipv6.conf.all.disable_ipv6=0").unwrap(),
            parse_sysctl("net.ipv6.conf.lo.disable_ipv6=0").unwrap(),
        ]
        .into(),
        ..shell("exec httpd -f -p '[::1]:8080' -h /www")
    };
    let report = drive_image(&image, &options, &ProbePlan::default())
        .await
        .unwrap();
    assert_eq!(answers(&report)[0], "GET http://[::1]:8080/ 200");
}

#[tokio::test]
async fn docker_a_port_that_does_not_speak_http_is_left_alone() {
    let script = "exec nc -ll -p 6379 -e sh -c 'read line; echo -ERR unknown command'";
    let report = drive_script(script, "EXPOSE 6379", |_| {}).await.unwrap();
    assert_eq!(report.ports[0].speaks, Speaks::Other);
    assert_eq!(report.steps, []);
}

#[tokio::test]
async fn docker_an_undeclared_port_that_speaks_http_is_enough() {
    let begin = Instant::now();
    let report = drive_script(HTTPD, "EXPOSE 80", |_| {}).await.unwrap();
    assert_eq!(answers(&report)[0], "GET http://127.0.0.1:8080/ 200");
    assert!(begin.elapsed() < SOON);
}

#[tokio::test]
async fn docker_a_declared_port_is_awaited_though_another_listens() {
    let script = "nc -ll -p 5005 -e sleep 100 & sleep 2; exec httpd -f -p 8080 -h /www";
    let report = drive_script(script, "EXPOSE 8080", |_| {}).await.unwrap();
    let listeners: Vec<String> = report
        .readiness
        .listeners
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        listeners.iter().any(|l| l.ends_with(":8080")),
        "{listeners:?}"
    );
    assert_eq!(answers(&report)[0], "GET http://127.0.0.1:8080/ 200");
}

#[tokio::test]
async fn docker_a_server_error_fails_the_default_probe() {
    let reply = "HTTP/1.0 500 Oops\\r\\nContent-Type: text/plain\\r\\n\\r\\nbroken";
    let script = format!("exec nc -ll -p 8080 -e sh -c 'read line; printf \"{reply}\"'");
    let error = drive_script(&script, "EXPOSE 8080", |_| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error
            .contains("GET http://127.0.0.1:8080/: answered with status 500 (6 bytes, text/plain)"),
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
