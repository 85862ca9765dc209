//! What the image config and the run name.

use serde_json::json;

use super::helper::{check, kept, messages, planned, program, trace};
use crate::analyze::testing::TestImage;
use crate::plan::{Plan, Rules, RunFacts, WarningLevel, plan};

fn plan_of(image: TestImage) -> Plan {
    planned(&image.build(), &trace([]), &Rules::default())
}

#[test]
fn entrypoint_and_command_are_found_on_path_and_by_argument() {
    let image = TestImage::new()
        .program("/opt/bin/entry", "#!/opt/bin/sh\n")
        .program("/opt/bin/sh", "sh")
        .program("/opt/bin/server", "x")
        .program("/opt/bin/unused", "x")
        .file("/etc/server.conf", "x")
        .file("/app/main.py", "x")
        .file("/app/data/x", "x")
        .config("Env", json!(["PATH=/opt/bin"]))
        .config("WorkingDir", json!("/app"))
        .config("Entrypoint", json!(["entry"]))
        .config(
            "Cmd",
            json!(["server", "--conf=/etc/server.conf", "main.py", "data", "-v"]),
        );
    assert_eq!(
        kept(&plan_of(image)),
        [
            "/app",
            "/app/main.py",
            "/etc/server.conf",
            "/opt/bin/entry",
            "/opt/bin/server",
            "/opt/bin/sh"
        ]
    );
}

#[test]
fn a_command_can_be_an_argument_of_the_entrypoint() {
    let image = TestImage::new()
        .program("/bin/server", "x")
        .file("/etc/server.conf", "x")
        .config("Entrypoint", json!(["server"]))
        .config("Cmd", json!(["/etc/server.conf"]));
    assert_eq!(
        kept(&plan_of(image)),
        ["/bin", "/bin/server", "/etc/server.conf"]
    );
}

#[test]
fn shell_forms_are_read() {
    let image = TestImage::new()
        .program("/bin/sh", "sh")
        .program("/bin/server", "x")
        .program("/bin/curl", "x")
        .program("/bin/python", "x")
        .config("Cmd", json!(["/bin/sh", "-c", "exec server python"]))
        .config(
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "curl -f http://localhost || exit 1"]}),
        );
    assert_eq!(
        kept(&plan_of(image)),
        ["/bin", "/bin/curl", "/bin/server", "/bin/sh"]
    );
}

#[test]
fn a_health_check_without_its_program_is_a_warning() {
    let image = TestImage::new().config("Healthcheck", json!({"Test": ["CMD", "curl", "x"]}));
    let plan = plan_of(image);
    assert_eq!(
        messages(&plan, WarningLevel::Warning),
        ["the health check runs \"curl\", which is not in the image"]
    );
}

#[test]
fn volumes_keep_their_content_and_homes_do_not() {
    let image = TestImage::new()
        .file("/etc/passwd", "app:x:7:7::/home/app:/bin/sh\n")
        .file("/home/app/.cache/big", "x")
        .link("/data", "var/data")
        .file("/var/data/seed/a", "x")
        .link("/var/data/out", "/elsewhere/b")
        .file("/elsewhere/b", "x")
        .file("/elsewhere/c", "x")
        .config("Volumes", json!({"/data": {}}))
        .config("User", json!("7:7"));
    assert_eq!(
        kept(&plan_of(image)),
        [
            "/data",
            "/elsewhere/b",
            "/etc/passwd",
            "/home/app",
            "/var/data",
            "/var/data/out",
            "/var/data/seed",
            "/var/data/seed/a"
        ]
    );
}

#[test]
fn the_home_is_that_of_the_user_that_the_container_runs_as() {
    let image = TestImage::new()
        .file(
            "/etc/passwd",
            "1000:x:7:7::/home/named:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
        )
        .dir("/home/named")
        .dir("/home/app")
        .config("User", json!("1000"));
    assert_eq!(kept(&plan_of(image)), ["/etc/passwd", "/home/app"]);
}

#[test]
fn the_run_counts_beside_the_config() {
    let image = TestImage::new()
        .program("/bin/a", "x")
        .program("/opt/b", "x")
        .program("/opt/liba.so", program(&[]))
        .dir("/w")
        .config("Entrypoint", json!(["/bin/a"]))
        .build();
    let run = RunFacts {
        entrypoint: Some(vec!["b".into()]),
        working_dir: Some("/w".into()),
        env: vec!["PATH=/opt".into()],
        ..RunFacts::default()
    };
    let plan = plan(image.merged(), &trace([]), &Rules::default(), &run).unwrap();
    check(&image, &plan);
    assert_eq!(kept(&plan), ["/bin", "/bin/a", "/opt/b", "/w"]);
}

#[test]
fn variables_name_a_time_zone_and_certificates() {
    let image = TestImage::new()
        .file("/usr/share/zoneinfo/Europe/Paris", "x")
        .file("/usr/share/zoneinfo/Europe/Rome", "x")
        .file("/opt/ca.pem", "x")
        .config(
            "Env",
            json!(["TZ=:Europe/Paris", "SSL_CERT_FILE=/opt/ca.pem"]),
        );
    assert_eq!(
        kept(&plan_of(image)),
        ["/opt/ca.pem", "/usr/share/zoneinfo/Europe/Paris"]
    );
}
