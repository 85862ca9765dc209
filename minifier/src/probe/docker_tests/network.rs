//! Whatever the workload is bound to.

use super::harness::{HTTPD, answers, drive_image, drive_script, shell};
use crate::probe::*;
use crate::runtime::testing::{config, image};
use crate::runtime::{RunOptions, parse_sysctl};

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
