//! Secrets of an image in reports about it: hidden in every form, unless somebody asks for them; the image keeps them.

use std::fs;
use std::path::Path;
use std::process::Output;

use minifier_tests::Minifier;
use minifier_tests::transport::append;
use serde_json::{Value, json};

/// A part of every secret here. No form of report shows it.
const SECRET: &str = "opal9Trumpet";

const FORMS: [&str; 7] = [
    "text",
    "markdown",
    "json",
    "sarif",
    "spdx",
    "cyclonedx",
    "html",
];

/// The config of an image that has secrets in all places; each has a tail after a comma or a blank.
fn config(entrypoint: Value) -> Value {
    let secret = |tail: &str| format!("{SECRET}{tail}{SECRET}");
    json!({
        "os": "linux",
        "architecture": "amd64",
        "config": {
            "Env": [
                format!("DB_PASSWORD={}", secret(", ")),
                format!("DATABASE_URL=postgres://me:{}@db/x", secret(",")),
                format!("JAVA_OPTS=-Xmx1g -Dapp.password={} -Da=b", secret(",")),
                format!("SMTP_PASS={}", secret(",")),
                format!("MYSQL_PWD={}", secret(" ")),
            ],
            "Entrypoint": entrypoint,
            "Cmd": ["serve", format!("--api-token={}", secret(",")), "--admin-password", secret(",")],
            "Labels": {"org.x.api-token": secret(", "), "note": format!("TOKEN={}", secret(","))},
            "Healthcheck": {"Test": ["CMD", "curl", "-u", format!("me:{}", secret(" ")), format!("--token={}", secret(","))]},
        },
        "history": [
            {"created_by": format!("/bin/sh -c #(nop)  ENV DB_PASSWORD={}", secret(", ")), "empty_layer": true},
            {"created_by": format!("/bin/sh -c #(nop)  ENV OLD_PASSWORD={}x A=b", secret(", ")), "empty_layer": true},
            {"created_by": format!("CMD [\"redis-server\" \"--requirepass\" \"{}\"]", secret(" ")), "empty_layer": true},
            {"created_by": format!("HEALTHCHECK &{{[\"CMD\" \"mysqladmin\" \"-p{}\"] \"5s\"}}", secret(";")), "empty_layer": true},
            {"created_by": format!("RUN /bin/sh -c redis-cli -a {} ping", secret(",")), "empty_layer": true},
            {"created_by": format!("RUN /bin/sh -c TOKEN={} curl https://me:{}@h/x", secret(","), secret(","))},
        ],
    })
}

fn write(folder: &Path, mut config: Value, files: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut layer = tar::Builder::new(Vec::new());
    for (name, body) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        header.set_mode(0o755);
        layer.append_data(&mut header, name, *body).unwrap();
    }
    let layer = layer.into_inner().unwrap();
    config["rootfs"] = json!({"type": "layers", "diff_ids": [minifier::image::DiffId::of(&layer)]});
    let config = serde_json::to_vec(&config).unwrap();
    let manifest =
        json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["layer.tar"]}]);
    let mut archive = tar::Builder::new(Vec::new());
    append(&mut archive, "layer.tar", &layer);
    append(&mut archive, "config.json", &config);
    append(
        &mut archive,
        "manifest.json",
        manifest.to_string().as_bytes(),
    );
    let path = folder.join("image.tar");
    fs::write(&path, archive.into_inner().unwrap()).unwrap();
    (format!("docker-archive:{}", path.display()), config)
}

fn minifier(folder: &Path, arguments: &[&str]) -> Output {
    let program = Minifier::find().expect("the program is there");
    let mut command = program.command(folder);
    command.current_dir(folder).args(arguments);
    command.output().expect("the program runs")
}

fn assert_hidden(what: &str, text: &str) {
    if let Some(at) = text.find(SECRET) {
        let start = text[..at]
            .char_indices()
            .rev()
            .nth(80)
            .map_or(0, |(at, _)| at);
        panic!("{what} shows a secret: {}", &text[start..at + SECRET.len()]);
    }
}

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn no_form_of_an_analysis_shows_a_secret_unless_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (location, _) = write(
        folder.path(),
        config(json!(["/bin/app"])),
        &[("bin/app", b"#!/bin/sh\n")],
    );
    for form in FORMS {
        let arguments = ["xray", "--target", &location, "--details", "--output", form];
        let text = stdout(&minifier(folder.path(), &arguments));
        assert_hidden(form, &text);
    }
    let arguments = [
        "xray",
        "--target",
        &location,
        "--show-secrets",
        "--output",
        "json",
    ];
    let shown: Value = serde_json::from_str(&stdout(&minifier(folder.path(), &arguments))).unwrap();
    assert_eq!(
        shown["image"]["env"][0],
        format!("DB_PASSWORD={SECRET}, {SECRET}")
    );
    assert_eq!(shown["image"]["cmd"][3], format!("{SECRET},{SECRET}"));
}

#[test]
fn no_form_of_a_comparison_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (location, _) = write(
        folder.path(),
        config(json!(["/bin/app"])),
        &[("bin/app", b"#!/bin/sh\n")],
    );
    let other = tempfile::tempdir().unwrap();
    let bare = json!({"os": "linux", "architecture": "amd64", "config": {}, "history": [{"created_by": "x"}]});
    let (bare, _) = write(other.path(), bare, &[("bin/app", b"#!/bin/sh\n")]);
    for form in ["text", "markdown", "json", "html"] {
        let arguments = [
            "xray",
            "--compare",
            &bare,
            &location,
            "--details",
            "--output",
            form,
        ];
        assert_hidden(form, &stdout(&minifier(folder.path(), &arguments)));
    }
}

#[test]
fn a_copy_keeps_the_secrets_of_its_config() {
    let folder = tempfile::tempdir().unwrap();
    let (location, config) = write(
        folder.path(),
        config(json!(["/bin/app"])),
        &[("bin/app", b"x")],
    );
    stdout(&minifier(
        folder.path(),
        &["copy", &location, "oci:layout:x"],
    ));
    let digest = minifier::image::Digest::of(&config).to_hex();
    let kept = fs::read(folder.path().join("layout/blobs/sha256").join(digest)).unwrap();
    assert_eq!(kept, config);
}

#[test]
fn privileged_no_report_of_a_build_shows_a_secret_unless_it_is_asked_for() {
    let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
    let script = "echo \"password is $DB_PASSWORD and $RUN_TOKEN\"";
    for (shown, more) in [(false, &[][..]), (true, &["--show-secrets"])] {
        let folder = tempfile::tempdir().unwrap();
        let entrypoint = json!(["/bin/sh", "-c", script]);
        let (location, _) = write(folder.path(), config(entrypoint), &[("bin/sh", &busybox)]);
        let run_token = format!("RUN_TOKEN={SECRET},x");
        let mut arguments = vec!["build", "--runtime", "runc", "--cache-dir", "cache"];
        arguments.extend([
            "--target",
            &location,
            "--output",
            "oci:slim:x",
            "--output",
            "json",
        ]);
        arguments.extend([
            "--report",
            "report.json",
            "--continue-after",
            "exit",
            "--env",
            &run_token,
        ]);
        arguments.extend(more);
        let text = stdout(&minifier(folder.path(), &arguments));
        let file = fs::read_to_string(folder.path().join("report.json")).unwrap();
        assert_eq!(text, file);
        let report: Value = serde_json::from_str(&text).unwrap();
        let log = report["probe"]["logs_tail"][0].as_str().unwrap();
        assert!(log.starts_with("password is "), "{log}");
        if shown {
            assert!(log.ends_with(&format!("{SECRET},x")), "{log}");
            assert_eq!(
                report["image"]["config"]["config"]["Env"][0],
                format!("DB_PASSWORD={SECRET}, {SECRET}")
            );
        } else {
            assert_hidden("the report", &text);
        }
        // The image that was made has them, whatever the report shows.
        let digest = report["result"]["id"]
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap();
        let kept =
            fs::read_to_string(folder.path().join("slim/blobs/sha256").join(digest)).unwrap();
        assert!(
            kept.contains(&format!("DB_PASSWORD={SECRET}, {SECRET}")),
            "{kept}"
        );
    }
}

#[test]
fn privileged_a_build_that_fails_shows_no_secret_unless_it_is_asked_for() {
    let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
    let script = "echo \"password is $DB_PASSWORD and $RUN_TOKEN\"; exit 3";
    for shown in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let entrypoint = json!(["/bin/sh", "-c", script]);
        let (location, _) = write(folder.path(), config(entrypoint), &[("bin/sh", &busybox)]);
        let run_token = format!("RUN_TOKEN={SECRET},x");
        let mut arguments = vec!["build", "--runtime", "runc", "--cache-dir", "cache", "-v"];
        arguments.extend(["--target", &location, "--output", "oci:slim:x"]);
        arguments.extend([
            "--continue-after",
            "exit",
            "--env",
            &run_token,
            "--show-logs",
        ]);
        arguments.extend(shown.then_some("--show-secrets"));
        let output = minifier(folder.path(), &arguments);
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        // Once while it ran, once among the last lines.
        assert_eq!(text.matches("| password is ").count(), 2, "{text}");
        if shown {
            let line = format!("password is {SECRET}, {SECRET} and {SECRET},x");
            assert_eq!(text.matches(&line).count(), 2, "{text}");
        } else {
            assert_hidden("a failed build", &text);
        }
    }
}
