//! What is asked of ports, and what their answers mean.

use std::time::Instant;

use super::harness::{HTTPD, SOON, answers, drive_image, drive_script, own_answers};
use crate::probe::*;
use crate::runtime::testing::nginx;
use crate::runtime::{RunOptions, StopOutcome, parse_mount};

#[tokio::test]
async fn docker_a_web_server_is_asked_for_its_pages_and_stopped() {
    let report = drive_script(HTTPD, "EXPOSE 8080", |_| {}).await.unwrap();
    assert_eq!(report.readiness.by, ReadyBy::Listening);
    assert_eq!(
        own_answers(&report),
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
async fn docker_every_site_is_asked_what_browsers_and_crawlers_ask() {
    let report = drive_script(HTTPD, "EXPOSE 8080", |_| {}).await.unwrap();
    let customary = |step: &&StepResult| step.kind == StepKind::HttpCustomary;
    let found: Vec<String> = report
        .steps
        .iter()
        .filter(customary)
        .map(|step| match &step.answered {
            Some(Answer::Http { status, .. }) => format!("{} {status}", step.asked),
            other => format!("{} {other:?}", step.asked),
        })
        .collect();
    let missing = |path| format!("GET http://127.0.0.1:8080/{path} 404");
    assert_eq!(
        found,
        [
            "HEAD http://127.0.0.1:8080/ 200".to_owned(),
            "GET http://127.0.0.1:8080/ (Accept-Encoding: gzip, br) 200".to_owned(),
            missing("minifier-asks-for-a-page-that-does-not-exist"),
            missing("favicon.ico"),
            missing("robots.txt"),
            missing("openapi.json"),
            missing("swagger.json"),
            missing("v3/api-docs"),
            missing("v2/api-docs"),
            missing("swagger/v1/swagger.json"),
            missing("api-json"),
        ]
    );
    assert!(report.unexercised.is_empty() && report.failures.is_empty());
}

#[tokio::test]
async fn docker_routes_that_a_site_declares_are_asked() {
    let document = r#"{"openapi": "3.1.0", "paths": {
        "/a.html": {"get": {}}, "/items": {"get": {}}, "/items/{id}": {"get": {}}, "/new": {"post": {}}}}"#;
    let script = format!(
        "mkdir -p /tmp/w; echo '{document}' >/tmp/w/openapi.json; \
        echo none >/tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w"
    );
    let report = drive_script(&script, "EXPOSE 8080", |_| {}).await.unwrap();
    assert_eq!(
        own_answers(&report),
        [
            "GET http://127.0.0.1:8080/ 200",
            "GET http://127.0.0.1:8080/a.html 404",
            "GET http://127.0.0.1:8080/items 404",
        ]
    );
    assert_eq!(report.steps.last().unwrap().kind, StepKind::HttpOpenapi);
}

#[tokio::test]
async fn docker_whatever_every_site_is_asked_fails_no_build() {
    // Answers `GET /` without saying what it is, and everything else with an error or by hanging up.
    let page = "HTTP/1.0 200 OK\\r\\n\\r\\n<!doctype html><a href=/linked>x</a>";
    let error = "HTTP/1.0 500 Oops\\r\\n\\r\\n";
    let serve = format!(
        "read -r method path rest; case $method$path in GET/) printf \"{page}\";; *.ico) ;; *) printf \"{error}\";; esac"
    );
    let script = format!("exec nc -ll -p 8080 -e sh -c '{serve}'");
    let report = drive_script(&script, "EXPOSE 8080", |_| {}).await.unwrap();
    assert!(report.steps.iter().all(|step| step.ok) && report.failures.is_empty());
    // The page's link was found by what the page looks like; nothing more was asked after one got no answer.
    assert_eq!(
        answers(&report),
        [
            "GET http://127.0.0.1:8080/ 200",
            "HEAD http://127.0.0.1:8080/ 500",
            "GET http://127.0.0.1:8080/ (Accept-Encoding: gzip, br) 200",
            "GET http://127.0.0.1:8080/minifier-asks-for-a-page-that-does-not-exist 500",
            "GET http://127.0.0.1:8080/favicon.ico -",
            "GET http://127.0.0.1:8080/linked 500",
        ]
    );
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
        own_answers(&report),
        [
            "GET https://127.0.0.1:8443/ 200",
            "GET https://127.0.0.1:8443/x 200"
        ]
    );
    let last = report.steps.last().unwrap();
    let Some(Answer::Http { bytes, sha256, .. }) = &last.answered else {
        panic!()
    };
    assert_eq!(
        (*bytes, *sha256),
        (10, crate::image::Digest::of(b"inside tls"))
    );
}

#[tokio::test]
async fn docker_http2_without_tls_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let site = "events {}\nhttp { server { listen 8081 http2; location / { return 200 two; } } }";
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
    let report = drive_image(&image, &options, &ProbePlan::default())
        .await
        .unwrap();
    assert_eq!(report.ports[0].speaks, Speaks::H2c);
    assert_eq!(own_answers(&report), ["GET http://127.0.0.1:8081/ 200"]);
}

#[tokio::test]
async fn docker_only_the_requests_of_the_user_are_sent() {
    let report = drive_script(HTTPD, "EXPOSE 8080", |plan| {
        plan.steps = vec![Step::Http(parse_http_probe("/a.html").unwrap())];
    })
    .await
    .unwrap();
    assert_eq!(answers(&report), ["GET http://127.0.0.1:8080/a.html 200"]);
    let asked = |line: &&String| line.contains("url:");
    let urls: Vec<&String> = report.logs_tail.iter().filter(asked).collect();
    assert!(
        urls.len() == 1 && urls[0].ends_with("url:/a.html"),
        "{:?}",
        report.logs_tail
    );
}

#[tokio::test]
async fn docker_a_server_that_starts_slowly_is_asked_again() {
    let reply = "HTTP/1.0 503 Wait\\r\\n\\r\\n";
    // Whoever still answers a request holds the port a moment longer: 0x1f90 is 8080, 0A is listening.
    let script = format!(
        "nc -ll -p 8080 -e sh -c 'read line; printf \"{reply}\"' & sleep 2; kill $!; \
         while grep -q ':1F90 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done; \
         exec httpd -f -p 8080 -h /www"
    );
    let report = drive_script(&script, "EXPOSE 8080", |_| {}).await.unwrap();
    assert_eq!(answers(&report)[0], "GET http://127.0.0.1:8080/ 200");
}

#[tokio::test]
async fn docker_an_unexpected_status_fails_with_what_came_back() {
    let error = drive_script(&format!("echo serving; {HTTPD}"), "EXPOSE 8080", |plan| {
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
        "  | serving",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        answers(error.report().unwrap()),
        ["GET http://127.0.0.1:8080/nothing 404"]
    );
}

#[tokio::test]
async fn docker_a_port_that_does_not_speak_http_is_left_alone() {
    let script = "exec nc -ll -p 6379 -e sh -c 'read line; echo -ERR unknown command'";
    let report = drive_script(script, "EXPOSE 6379", |_| {}).await.unwrap();
    assert_eq!(report.ports[0].speaks, Speaks::Other);
    assert_eq!(report.ports[0].protocol, Some("Redis"));
    assert_eq!(report.steps, []);
    // Nobody exercised it, unless a command is run.
    assert_eq!(report.unexercised, [report.ports[0].listener.clone()]);
    let report = drive_script(script, "EXPOSE 6379", |plan| {
        plan.steps = vec![Step::exec("true").unwrap()];
    })
    .await
    .unwrap();
    assert_eq!(report.unexercised, []);
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
