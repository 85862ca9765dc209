//! The exit codes of docs/report.md that need no Docker daemon, each as a user comes by it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use minifier_tests::Minifier;
use minifier_tests::transport::{busybox_archive, small_archive};
use serde_json::json;
use tempfile::TempDir;

fn minifier(folder: &Path, arguments: &[&str]) -> Output {
    let program = Minifier::find().expect("the program is there");
    let mut command = program.command(folder);
    command.current_dir(folder).args(arguments);
    command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    command.output().expect("the program runs")
}

#[test]
fn the_command_answers_under_its_former_name_too() {
    let folder = TempDir::new().unwrap();
    let program = Minifier::find().expect("the program is there");
    let program = Path::new(program.command(folder.path()).get_program()).to_owned();
    let former = program.with_file_name("minifier");
    let ask = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&folder);
        command.output().expect("it starts")
    };
    for arguments in [&["--version"][..], &["validate", "oci:missing"]] {
        assert_eq!(ask(&former, arguments), ask(&program, arguments));
    }
    let version = ask(&former, &["--version"]).stdout;
    assert!(version.starts_with(b"minify "), "{version:?}");
    // A link leads to where both are; a copy does not.
    let (link, copy) = (folder.path().join("link"), folder.path().join("copy"));
    std::os::unix::fs::symlink(&former, &link).unwrap();
    fs::copy(&former, &copy).unwrap();
    assert!(ask(&link, &["--version"]).status.success());
    let alone = ask(&copy, &["--version"]);
    assert_eq!(alone.status.code(), Some(1));
    let stderr = String::from_utf8(alone.stderr).unwrap();
    assert!(stderr.contains("belongs beside minifier"), "{stderr}");
}

#[track_caller]
fn expect(folder: &Path, code: i32, arguments: &[&str]) {
    let output = minifier(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
}

#[test]
fn each_code_means_what_the_documentation_says() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::write(
        path.join("a.tar"),
        small_archive(b"more than a byte", &["a:1"]).0,
    )
    .unwrap();
    let good = "docker-archive:a.tar";
    expect(path, 0, &["validate", good]);
    expect(path, 2, &["copy", good]);
    expect(path, 2, &["copy", good, "nonsense:x:y:z/.."]);
    expect(path, 3, &["validate", "docker-archive:missing.tar"]);
    expect(path, 3, &["validate", "oci:missing"]);
    expect(path, 3, &["validate", "docker-archive:a.tar:other:2"]);
    expect(
        path,
        3,
        &["copy", "--platform", "linux/s390x", good, "oci:out:x"],
    );
    expect(path, 7, &["copy", "app:1", "oci:out:x"]);
    expect(path, 8, &["copy", good, "docker-archive:/dev/full"]);
    expect(path, 8, &["copy", good, "oci-archive:/nonexistent/out.tar"]);
    expect(
        path,
        10,
        &["xray", "--target", good, "--ci", "--max-size", "1B"],
    );
    fs::write(
        path.join("cut.tar"),
        &small_archive(b"x", &["a:1"]).0[..1000],
    )
    .unwrap();
    expect(path, 9, &["xray", "--target", "docker-archive:cut.tar"]);
    expect(path, 9, &["validate", "oci:a.tar"]);
    expect(path, 9, &["validate", "docker-archive:/tmp"]);
    assert!(!path.join("out").exists());
}

#[test]
fn a_compression_that_is_not_known_is_an_image_that_is_not_understood() {
    let folder = TempDir::new().unwrap();
    // What every xz file begins with.
    let mut xz = vec![0xfd, b'7', b'z', b'X', b'Z', 0];
    xz.resize(4096, 7);
    fs::write(folder.path().join("a.tar.xz"), xz).unwrap();
    for arguments in [
        &["validate", "docker-archive:a.tar.xz"][..],
        &["xray", "--target", "docker-archive:a.tar.xz"],
        &["copy", "oci-archive:a.tar.xz", "oci:out:x"],
        &[
            "build",
            "--target",
            "docker-archive:a.tar.xz",
            "--output",
            "oci:out:x",
            "--runtime",
            "runc",
        ],
    ] {
        expect(folder.path(), 9, arguments);
    }
}

fn build<'a>(location: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["build", "--runtime", "runc", "--cache-dir", "cache"];
    arguments.extend(["--target", location, "--output", "oci:slim:x"]);
    arguments.extend(more);
    arguments
}

#[test]
fn privileged_an_image_for_another_machine_is_exit_code_3() {
    let folder = TempDir::new().unwrap();
    let location = busybox_archive(
        folder.path(),
        "s390x",
        &json!({"Cmd": ["/bin/busybox", "true"]}),
    );
    let output = minifier(folder.path(), &build(&location, &[]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("s390x") && stderr.contains("hint:"),
        "{stderr}"
    );
}

#[test]
fn privileged_an_image_without_a_command_is_exit_code_2() {
    let folder = TempDir::new().unwrap();
    let location = busybox_archive(folder.path(), "amd64", &json!({}));
    expect(folder.path(), 2, &build(&location, &[]));
}

#[test]
fn privileged_a_workload_that_does_not_start_or_fails_is_exit_code_5() {
    let folder = TempDir::new().unwrap();
    let location = busybox_archive(
        folder.path(),
        "amd64",
        &json!({"Cmd": ["/bin/busybox", "false"]}),
    );
    for more in [
        &["--continue-after", "exit"][..],
        &["--entrypoint", "/no/such/program"],
        &["--user", "nobody-here"],
        &[
            "--timeout",
            "3s",
            "--cmd",
            "/bin/busybox sleep 60",
            "--continue-after",
            "60s",
        ],
    ] {
        expect(folder.path(), 5, &build(&location, more));
    }
}

#[test]
fn privileged_a_full_cache_is_exit_code_8() {
    let folder = TempDir::new().unwrap();
    let location = busybox_archive(
        folder.path(),
        "amd64",
        &json!({"Cmd": ["/bin/busybox", "true"]}),
    );
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,mode=700", "minifier-test"])
        .arg(&cache)
        .status();
    assert!(mounted.expect("mount runs").success());
    let output = minifier(folder.path(), &build(&location, &[]));
    let unmounted = Command::new("umount").arg(&cache).status();
    assert!(unmounted.expect("umount runs").success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{stderr}");
    assert!(stderr.contains("hint:"), "{stderr}");
}
