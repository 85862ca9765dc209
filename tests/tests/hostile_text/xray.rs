//! The commands that run nothing: `xray`, `validate`, `copy`, `doctor`.

use std::fs;
use std::path::Path;
use std::process::Output;

use minifier_tests::Minifier;
use minifier_tests::registry::{Answer, TinyServer};
use serde_json::Value;

use crate::hostile_text::image::{Image, hostile_images};
use crate::hostile_text::{HOSTILE, assert_harmless, checked};

fn minifier(folder: &Path, arguments: &[&str]) -> Output {
    let program = Minifier::find().expect("the program is there");
    let mut command = program.command(folder);
    command.current_dir(folder).args(arguments);
    command.output().expect("the program runs")
}

/// The forms of `xray`, on standard output; the first ones are for people.
const FORMS: [&str; 7] = [
    "text",
    "markdown",
    "json",
    "sarif",
    "spdx",
    "cyclonedx",
    "html",
];

#[test]
fn words_of_an_image_are_harmless_in_every_form_of_xray() {
    for (what, image) in hostile_images() {
        let folder = tempfile::tempdir().unwrap();
        let location = image.write(folder.path(), "image.tar");
        let mut shown = false;
        for form in FORMS {
            let arguments = [
                "xray", "-vvv", "--target", &location, "--ci", "--output", form,
            ];
            let output = minifier(folder.path(), &arguments);
            let text = checked(&format!("{what} as {form}"), &output);
            shown |= text.contains("zQ");
            if ["json", "sarif", "spdx", "cyclonedx"].contains(&form) && !output.stdout.is_empty() {
                serde_json::from_slice::<Value>(&output.stdout).expect("it is JSON");
            }
        }
        for details in ["--details", "--brief"] {
            let output = minifier(folder.path(), &["xray", "--target", &location, details]);
            let text = checked(&format!("{what} with {details}"), &output);
            shown |= text.contains("zQ");
        }
        // What no report shows cannot do harm; STOPSIGNAL and times are such.
        assert!(
            shown || ["created", "STOPSIGNAL"].contains(&what),
            "{what} was not shown"
        );
    }
}

#[test]
fn words_of_an_image_are_harmless_in_files_of_reports() {
    for (what, image) in hostile_images() {
        let folder = tempfile::tempdir().unwrap();
        let location = image.write(folder.path(), "image.tar");
        let mut arguments = vec!["xray", "--quiet", "--target", &location];
        let outputs = FORMS.map(|form| format!("{form}={form}"));
        for output in &outputs {
            arguments.extend(["--output", output]);
        }
        checked(what, &minifier(folder.path(), &arguments));
        for form in FORMS.iter().filter(|form| **form != "text") {
            // An image that cannot be read gives none.
            if let Ok(text) = fs::read_to_string(folder.path().join(form)) {
                assert_harmless(&format!("{what} in a file of {form}"), &text);
            }
        }
    }
}

#[test]
fn words_of_two_images_are_harmless_in_their_comparison() {
    for (what, image) in hostile_images() {
        let folder = tempfile::tempdir().unwrap();
        let plain = Image::new().write(folder.path(), "plain.tar");
        let location = image.write(folder.path(), "image.tar");
        for form in ["text", "markdown", "json", "html"] {
            let arguments = ["xray", "--compare", &plain, &location, "--output", form];
            checked(
                &format!("{what} as {form}"),
                &minifier(folder.path(), &arguments),
            );
        }
    }
}

#[test]
fn words_of_an_image_are_harmless_in_copy_and_validate() {
    for (what, image) in hostile_images() {
        let folder = tempfile::tempdir().unwrap();
        let location = image.write(folder.path(), "image.tar");
        for arguments in [
            &["copy", "-vvv", &location, "oci:layout:x"][..],
            &["copy", &location, "docker-archive:copy.tar"],
            &["copy", &location, "-"],
            &["copy", &format!("{location}:other:2"), "oci:other:x"],
            &[
                "copy",
                "--platform",
                "linux/s390x",
                &location,
                "oci:other:x",
            ],
            &["validate", &location],
            &["validate", "--output", "json", &location],
            &["validate", "--platform", "linux/s390x", &location],
            &["xray", "--target", &format!("{location}:other:2")],
        ] {
            let mut output = minifier(folder.path(), arguments);
            if arguments.last() == Some(&"-") {
                output.stdout.clear();
            }
            checked(&format!("{what}: {arguments:?}"), &output);
        }
    }
}

#[test]
fn names_in_a_damaged_archive_are_harmless_in_messages() {
    let folder = tempfile::tempdir().unwrap();
    let location = Image::new().write(folder.path(), "image.tar");
    let file = folder.path().join("image.tar");
    let mut archive = tar::Builder::new(Vec::new());
    let manifest =
        serde_json::json!([{"Config": HOSTILE, "RepoTags": [HOSTILE], "Layers": [HOSTILE]}]);
    minifier_tests::transport::append(
        &mut archive,
        "manifest.json",
        manifest.to_string().as_bytes(),
    );
    fs::write(&file, archive.into_inner().unwrap()).unwrap();
    for arguments in [
        &["copy", &location, "oci:layout:x"][..],
        &["validate", &location],
        &["validate", "--output", "json", &location],
        &["xray", "--target", &location],
    ] {
        let text = checked(
            &format!("{arguments:?}"),
            &minifier(folder.path(), arguments),
        );
        assert!(text.contains("zQ"), "{arguments:?}: {text}");
    }
}

#[test]
fn words_of_a_registry_are_harmless_in_messages() {
    for status in [400, 403, 404] {
        let message = serde_json::json!({"errors": [{"code": HOSTILE, "message": HOSTILE}]});
        let server = TinyServer::start(move |asked| match asked.path.as_str() {
            "/v2/" => Answer::new(200, "{}"),
            _ => Answer::new(status, message.to_string()),
        });
        let folder = tempfile::tempdir().unwrap();
        let location = format!("docker://127.0.0.1:{}/a:1", server.port());
        for arguments in [
            &["copy", "-vvv", &location, "oci:layout:x"][..],
            &["xray", "--target", &location],
            &["validate", &location],
        ] {
            let text = checked(
                &format!("{arguments:?}"),
                &minifier(folder.path(), arguments),
            );
            assert!(text.contains("zQ"), "{arguments:?}: {text}");
        }
    }
}

#[test]
fn what_doctor_prints_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let program = Minifier::find().expect("the program is there");
    for form in [&["doctor"][..], &["doctor", "--json"]] {
        let mut command = program.command(folder.path());
        let missing = format!("/nonexistent/{HOSTILE}");
        command.args(form).args(["--btf", &missing]);
        command.env("DOCKER_HOST", format!("unix://{missing}"));
        let text = checked("doctor", &command.output().expect("the program runs"));
        assert!(text.contains("zQ"), "{text}");
    }
}
