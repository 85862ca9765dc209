//! Podman's storage, through its socket.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::transport::support::{Layout, minifier};

/// A Podman service on a socket of its own, with a storage of its own.
struct Podman(Child);

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn privileged_images_go_into_podmans_storage_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut layout = Layout::new();
    let image = layout.mixed("amd64");
    layout.add(image, Some("app"));
    let source = format!("oci:{}:app", layout.path());
    let socket = at.join("podman.sock");
    let url = format!("unix://{}", socket.display());
    let service = Command::new("podman")
        .args(["--storage-driver", "vfs", "--root"])
        .arg(at.join("root"))
        .arg("--runroot")
        .arg(at.join("run"))
        .args(["system", "service", "--time", "0", &url])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _service = Podman(service);
    let started = Instant::now();
    while !socket.exists() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "podman does not listen"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let run = |args: &[&str]| {
        let program = minifier_tests::Minifier::find().unwrap();
        let output = program
            .command(at)
            .env("CONTAINER_HOST", &url)
            .args(args)
            .current_dir(at)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {stderr}");
    };
    run(&["copy", &source, "containers-storage:localhost/app:1"]);
    run(&["copy", "containers-storage:localhost/app:1", "oci:back:app"]);
    run(&["validate", "oci:back:app"]);
    let config = |dir: &str| {
        let out = Command::new("skopeo")
            .args(["inspect", "--raw", &format!("oci:{dir}:app")])
            .current_dir(at)
            .output()
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        json["config"]["digest"].as_str().unwrap().to_owned()
    };
    assert_eq!(config("back"), config(layout.path()));
}

#[test]
fn without_podmans_socket_the_error_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let program = minifier_tests::Minifier::find().unwrap();
    let output = program
        .command(folder.path())
        .env("CONTAINER_HOST", "unix:///nonexistent/podman.sock")
        .args(["copy", "containers-storage:app", "oci:x"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{stderr}");
    let bad = minifier(folder.path(), &["copy", "ftp://x", "oci:y"]);
    assert_eq!(bad.status.code(), Some(2));
    let stderr = String::from_utf8(bad.stderr).unwrap();
    assert!(
        stderr.contains("the transport ftp is not known"),
        "{stderr}"
    );
}
