//! podman and containerd, each with a store of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use minifier::rebuild::LayerMode;
use minifier_tests::command::run;
use minifier_tests::listing::{self, Detail};

use crate::rebuild_tools::case::{Case, ON_DISK};

/// A store of podman's own in a folder, unmounted at the end.
struct Podman(PathBuf);

impl Podman {
    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        // Its vfs driver copies layers, and loses hard links and extended attributes on the way.
        command.args([
            "--storage-driver",
            "overlay",
            "--cgroup-manager",
            "cgroupfs",
        ]);
        command.arg("--root").arg(self.0.join("root"));
        command.arg("--runroot").arg(self.0.join("run"));
        command
    }

    fn text(&self, args: &[&str]) -> String {
        let out = run(self.command().args(args));
        String::from_utf8(out).unwrap().trim().to_owned()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self
            .command()
            .args(["image", "umount", "-a", "-f"])
            .output();
        let _ = self.command().args(["image", "rm", "-a", "-f"]).output();
        let _ = Command::new("umount")
            .arg(self.0.join("root/overlay"))
            .output();
    }
}

#[test]
fn docker_podman_load_gives_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, info) = case.archive("localhost/mfrebuild-podman:x");
        let podman = Podman(case.path("podman"));
        podman.text(&["load", "-q", "-i", archive.to_str().unwrap()]);
        let id = podman.text(&["image", "inspect", "-f", "{{.Id}}", "mfrebuild-podman:x"]);
        assert_eq!(id, info.image_id.to_hex());
        let mounted = podman.text(&["image", "mount", "mfrebuild-podman:x"]);
        let detail = Detail {
            root: false,
            bound_times: true,
            ..ON_DISK
        };
        let found = listing::of_folder(Path::new(&mounted), detail).unwrap();
        listing::assert_same("podman", &found, &case.expected(detail));
    }
}

/// A namespace of its own in the containerd that runs below Docker.
struct Containerd {
    namespace: String,
    image: String,
    mounted: PathBuf,
}

impl Containerd {
    fn command(&self) -> Command {
        let sockets = [
            "/run/containerd/containerd.sock",
            "/run/docker/containerd/containerd.sock",
        ];
        let socket = sockets.iter().find(|socket| Path::new(socket).exists());
        let mut command = Command::new("ctr");
        command.args([
            "-a",
            socket.expect("containerd listens at one of its usual places"),
        ]);
        command.args(["-n", &self.namespace]);
        command
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self
            .command()
            .args(["images", "unmount", "--rm"])
            .arg(&self.mounted)
            .output();
        let _ = self
            .command()
            .args(["images", "rm", "--sync", &self.image])
            .output();
        let _ = self
            .command()
            .args(["namespaces", "rm", &self.namespace])
            .output();
    }
}

/// Current Docker engines keep images in containerd and load archives as it does.
#[test]
fn docker_containerd_imports_exactly_the_kept_part() {
    for mode in [LayerMode::Preserve, LayerMode::Flatten] {
        let case = Case::new(mode);
        let (archive, info) = case.archive("mfrebuild:x");
        let containerd = Containerd {
            namespace: format!("mfrebuild-{}", std::process::id()),
            image: "docker.io/library/mfrebuild:x".into(),
            mounted: case.path("mounted"),
        };
        fs::create_dir(&containerd.mounted).unwrap();
        run(containerd
            .command()
            .args(["images", "import"])
            .arg(&archive));
        let listed = run(containerd.command().args(["images", "ls"]));
        let listed = String::from_utf8(listed).unwrap();
        assert!(listed.contains(&info.manifest.to_string()), "{listed}");
        run(containerd
            .command()
            .args(["images", "mount", &containerd.image])
            .arg(&containerd.mounted));
        // It sets no extended attributes on links.
        let detail = Detail {
            root: false,
            bound_times: true,
            xattrs: &["user.", "security.", "system."],
            ..ON_DISK
        };
        let found = listing::of_folder(&containerd.mounted, detail).unwrap();
        listing::assert_same("containerd", &found, &case.expected(detail));
    }
}
