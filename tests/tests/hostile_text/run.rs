//! `build`: words of a container and of the image that it runs.

use std::process::Output;

use minifier_tests::Minifier;
use tempfile::TempDir;

use crate::hostile_text::image::Image;
use crate::hostile_text::{HOSTILE, checked};

const BUSYBOX: &str = "/bin/busybox";

/// Builds from an image whose container runs `script`, which finds the hostile words in `/words`.
fn build(script: &str, change: impl FnOnce(&mut Image), options: &[&str]) -> (TempDir, Output) {
    let folder = tempfile::tempdir().unwrap();
    let mut image = Image::new();
    image.file(
        "bin/sh",
        std::fs::read(BUSYBOX).expect("busybox-static is installed"),
    );
    image.file("words", format!("{HOSTILE}\n"));
    image.config["config"] = serde_json::json!({"Cmd": ["/bin/sh", "-c", script]});
    change(&mut image);
    let location = image.write(folder.path(), "image.tar");
    let program = Minifier::find().expect("the program is there");
    let mut command = program.command(folder.path());
    command
        .current_dir(folder.path())
        .args([
            "build",
            "--runtime",
            "runc",
            "--cache-dir",
            "cache",
            "--target",
            &location,
        ])
        .args(["--continue-after", "exit", "--report", "report.json"])
        .args(options);
    let output = command.output().expect("the program runs");
    (folder, output)
}

#[test]
fn privileged_words_of_a_container_are_harmless_in_logs_and_errors() {
    for options in [&[][..], &["--show-logs"], &["-vvv"]] {
        let script =
            "while read -r line; do echo \"$line\"; echo \"$line\" >&2; done </words; exit 7";
        let (_folder, output) = build(script, |_| {}, options);
        let text = checked(&format!("{options:?}"), &output);
        assert_eq!(output.status.code(), Some(5), "{text}");
        assert!(text.contains("zQ"), "{text}");
    }
}

#[test]
fn privileged_words_of_an_image_are_harmless_in_the_errors_of_its_start() {
    for (field, value) in [
        ("User", serde_json::json!(HOSTILE)),
        ("WorkingDir", serde_json::json!(format!("/words/{HOSTILE}"))),
        ("Entrypoint", serde_json::json!([HOSTILE])),
        ("StopSignal", serde_json::json!(HOSTILE)),
    ] {
        let change = |image: &mut Image| image.config["config"][field] = value;
        let (_folder, output) = build("exit 0", change, &["-v"]);
        checked(field, &output);
    }
}

#[test]
fn privileged_words_of_an_image_are_harmless_in_the_report_of_a_build() {
    let name = HOSTILE.replace(['\n', '\r'], " ");
    for form in ["text", "json"] {
        let packages = |image: &mut Image| {
            let status = format!(
                "Package: ::error::{name}\nStatus: install ok installed\nVersion: {name}\n\n"
            );
            image.file("var/lib/dpkg/status", status);
            image.file(&format!("opt/{HOSTILE}"), vec![7; 9000]);
        };
        let options = ["--output", form, "--include-path", "/opt"];
        let (folder, output) = build("cat /words 2>/dev/null; exit 0", packages, &options);
        let text = checked(form, &output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("zQ"), "{text}");
        let report = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
        crate::hostile_text::assert_harmless("the report's file", &report);
        serde_json::from_str::<serde_json::Value>(&report).expect("it is JSON");
    }
}
