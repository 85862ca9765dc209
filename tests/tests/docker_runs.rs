//! What the Docker daemon makes of a container: what it mounts, copies, connects and keeps, and what comes of it when
//! somebody gives up meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use minifier_tests::Minifier;
use minifier_tests::process::{signal, wait_until};
use minifier_tests::transport::{Names, append, archive_of, busybox_layer, docker};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a build may take on a busy machine until something is to be seen of it.
const START: Duration = Duration::from_secs(90);
/// How soon a build ends once somebody gives up, and its guard has removed the rest: ten seconds each for the container
/// and for the image.
const SOON: Duration = Duration::from_secs(40);
/// Enough for the daemon to copy for seconds.
const MANY: usize = 60_000;

/// An image of one test with its folder; every container of it is known by a label.
struct Image {
    folder: TempDir,
    case: String,
    names: Names,
}

impl Image {
    /// An archive of busybox, what `more` adds to its layer, and `config`.
    fn new(test: &str, config: Value, more: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Self {
        let image = Self {
            folder: TempDir::new().unwrap(),
            case: format!("{test}-{}", std::process::id()),
            names: Names::new(),
        };
        let mut config = config;
        config["Labels"] = json!({"org.minifier.test.case": image.case});
        let mut layer = busybox_layer();
        more(&mut layer);
        let layer = layer.into_inner().unwrap();
        let (archive, _) = archive_of(&layer, "amd64", &config, &["app:1"]);
        fs::write(image.folder.path().join("image.tar"), archive).unwrap();
        image
    }

    fn archive(&self) -> String {
        format!(
            "docker-archive:{}",
            self.folder.path().join("image.tar").display()
        )
    }

    /// Its name in the daemon, which has it from now on.
    fn loaded(&mut self, test: &str) -> String {
        let name = self.names.add(test);
        let mut copy = self.program();
        copy.args(["copy", &self.archive(), &format!("docker-daemon:{name}")]);
        let output = copy.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        name
    }

    fn program(&self) -> Command {
        let temporary = self.folder.path().join("tmp");
        fs::create_dir_all(&temporary).unwrap();
        Minifier::find().unwrap().command(&temporary)
    }

    /// A build of the image at `target`, of a container that ends by itself.
    fn build(&self, target: &str, more: &[&str]) -> Command {
        let mut build = self.program();
        build.args(["build", "--target", target, "--continue-after", "exit"]);
        build
            .args(["--report", "report.json", "--cache-dir", "cache"])
            .args(more)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        build
    }

    /// The end of a build in Docker with two volumes, given as `--volume` takes them.
    fn built_with(&self, [first, second]: &[String; 2]) -> Output {
        let more = ["--runtime", "docker", "--volume", first, "--volume", second];
        self.build(&self.archive(), &more).output().unwrap()
    }

    /// Containers of the image.
    fn containers(&self) -> String {
        let label = format!("label=org.minifier.test.case={}", self.case);
        docker(&["ps", "--all", "--quiet", "--filter", &label])
    }

    /// Containers of the image that were created since a time in seconds.
    fn created_since(&self, since: u64) -> String {
        let label = format!("label=org.minifier.test.case={}", self.case);
        let (since, until) = (since.to_string(), (now() + 1).to_string());
        docker(&[
            "events",
            "--since",
            &since,
            "--until",
            &until,
            "--filter",
            "event=create",
            "--filter",
            &label,
        ])
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap().as_secs()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn link(layer: &mut tar::Builder<Vec<u8>>, path: &str, target: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    layer.append_link(&mut header, path, target).unwrap();
}

#[test]
fn docker_an_image_whose_volume_leads_to_devices_is_refused_before_a_container_is_made() {
    let config = json!({"Cmd": ["/bin/busybox", "true"], "Volumes": {"/data": {}}});
    let mut image = Image::new("trap", config, |layer| link(layer, "data", "dev"));
    let begin = now();
    for target in [image.archive(), image.loaded("trap")] {
        let build = image.build(&target, &["--runtime", "docker"]).output();
        let output = build.unwrap();
        assert_eq!(output.status.code(), Some(9), "{}", said(&output));
        assert!(
            said(&output).contains("mount the image's VOLUME /data: it leads to /dev"),
            "{}",
            said(&output)
        );
        assert_eq!(image.created_since(begin), "", "{target}");
    }
}

#[test]
fn docker_volumes_that_begin_with_too_much_of_the_image_are_not_filled() {
    let folders = ["/v", "/v/a", "/v/a/b", "/v/a/b/c"];
    let volumes: serde_json::Map<String, Value> = folders
        .iter()
        .map(|&folder| (folder.to_owned(), json!({})))
        .collect();
    let config = json!({"Cmd": ["/bin/busybox", "true"], "Volumes": volumes});
    let body = vec![b'x'; 4 << 20];
    let mut image = Image::new("fill", config, |layer| append(layer, "v/a/b/c/file", &body));
    let begin = now();
    for target in [image.archive(), image.loaded("fill")] {
        // Each volume has a copy of the file.
        let limit = ["--runtime", "docker", "--max-uncompressed", "16MiB"];
        let output = image.build(&target, &limit).output().unwrap();
        assert_eq!(output.status.code(), Some(9), "{}", said(&output));
        for words in [
            "fill the volume at /v",
            "16777216 bytes",
            "--max-uncompressed",
        ] {
            assert!(said(&output).contains(words), "{}", said(&output));
        }
        assert_eq!(image.created_since(begin), "", "{target}");
    }
    let target = image.archive();
    let limit = ["--runtime", "docker", "--max-uncompressed", "32MiB"];
    let output = image.build(&target, &limit).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_ne!(image.created_since(begin), "", "the events are those of it");
}

/// A volume that is gone with this.
struct Volume(String);

impl Volume {
    fn new(name: &str, options: &[&str]) -> Self {
        let name = format!("minifier-test-{name}-{}", std::process::id());
        let mut create = vec!["volume", "create"];
        create.extend(options);
        create.push(&name);
        docker(&create);
        Self(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // A test that failed must not fail again here.
        let remove = xtask::docker::docker()
            .args(["volume", "rm", "--force", &self.0])
            .output();
        drop(remove);
    }
}

#[test]
fn docker_a_volume_whose_source_is_missing_is_made_and_a_mount_names_it() {
    let image = Image::new("source", json!({"Cmd": ["/bin/busybox", "true"]}), |_| {});
    let missing = image.folder.path().join("no/such");
    let volume = format!("{}:/data", missing.display());
    let mount = format!("type=bind,source={},target=/data", missing.display());
    let target = image.archive();
    let build = image.build(&target, &["--runtime", "docker", "--mount", &mount]);
    let output = { build }.output().unwrap();
    let stderr = said(&output);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(missing.to_str().unwrap()), "{stderr}");
    assert!(stderr.contains("hint: check the path"), "{stderr}");
    let build = image.build(&target, &["--runtime", "docker", "--volume", &volume]);
    let output = { build }.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(missing.is_dir());
}

#[test]
fn docker_a_volume_that_cannot_be_looked_at_is_a_warning() {
    let image = Image::new("unseen", json!({"Cmd": ["/bin/busybox", "true"]}), |_| {});
    let device = ["--opt", "type=tmpfs", "--opt", "device=tmpfs"];
    let (plain, unseen) = (Volume::new("plain", &[]), Volume::new("unseen", &device));
    let volumes = [format!("{}:/a", plain.0), format!("{}:/b", unseen.0)];
    let output = image.built_with(&volumes);
    let stderr = said(&output);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let warning = |name: &str| format!("warning: the links in volume {name} are not checked");
    assert!(stderr.contains(&warning(&unseen.0)), "{stderr}");
    assert!(!stderr.contains(&warning(&plain.0)), "{stderr}");
}

#[test]
fn docker_links_that_an_empty_volume_gets_from_the_image_are_seen() {
    let config = json!({"Cmd": ["/bin/busybox", "true"], "Volumes": {"/b/sub": {}}});
    let image = Image::new("copied", config, |layer| link(layer, "a/sub", "/dev"));
    let empty = Volume::new("copied", &[]);
    let volumes = ["/a", "/b"].map(|target| format!("{}:{target}", empty.0));
    let output = image.built_with(&volumes);
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    let words = "mount the image's VOLUME /b/sub: it leads to /dev";
    assert!(said(&output).contains(words), "{}", said(&output));
}

#[test]
fn docker_instead_of_a_missing_runtime_the_daemon_gives_no_network() {
    let config = json!({"Cmd": ["/bin/busybox", "ls", "/sys/class/net"]});
    let image = Image::new("network", config, |_| {});
    let empty = TempDir::new().unwrap();
    for (more, warns, has_network) in [
        (&[][..], true, false),
        (&["--network", "bridge"], true, true),
        (&["--runtime", "docker"], false, true),
    ] {
        let mut build = image.build(&image.archive(), more);
        let output = build.arg("--show-logs").env("PATH", empty.path()).output();
        let output = output.unwrap();
        let stderr = said(&output);
        assert_eq!(output.status.code(), Some(0), "{more:?}: {stderr}");
        let shown = |name: &str| stderr.lines().any(|line| line == format!("out | {name}"));
        assert!(shown("lo"), "{more:?}: {stderr}");
        assert_eq!(shown("eth0"), has_network, "{more:?}: {stderr}");
        let warning = "warning: the Docker daemon runs the container: ";
        assert_eq!(stderr.contains(warning), warns, "{more:?}: {stderr}");
    }
}

#[test]
fn docker_the_log_on_disk_is_cut_at_log_size() {
    let script = "busybox yes | busybox head -c 1000000; echo done; exec busybox sleep 600";
    let config = json!({"Cmd": ["/bin/busybox", "sh", "-c", script], "Env": ["PATH=/bin"]});
    let image = Image::new("log", config, |_| {});
    let more = ["--runtime", "docker", "--log-size", "64k", "--show-logs"];
    let mut child = image.build(&image.archive(), &more).spawn().unwrap();
    let mut id = String::new();
    wait_until("there is a container", START, || {
        id = image.containers();
        !id.is_empty()
    });
    // Half a million lines, each with more than seventy bytes around it.
    wait_until("all of it was written", START, || {
        docker(&["logs", "--tail", "1", &id]) == "done"
    });
    let log = docker(&["inspect", "--format", "{{.LogPath}}", &id]);
    let files = fs::read_dir(Path::new(&log).parent().unwrap()).unwrap();
    let logs = files
        .flatten()
        .filter(|file| file.file_name().to_string_lossy().contains("-json.log"));
    let size: u64 = logs.map(|log| log.metadata().unwrap().len()).sum();
    signal(child.id(), "INT");
    let drained = thread::spawn({
        let mut stderr = child.stderr.take().unwrap();
        move || std::io::copy(&mut stderr, &mut std::io::sink())
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drained.join().unwrap().unwrap();
    // It is cut after the line that is too much, and some daemons keep the part before as well.
    assert!((1..=(2 * (65 << 10))).contains(&size), "{size}");
    assert_eq!(image.containers(), "");
}

/// Folders of volumes in which there is a file of that name.
fn volumes_with(file: &str) -> Vec<PathBuf> {
    let root = docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let volumes = fs::read_dir(Path::new(&root).join("volumes")).unwrap();
    let files = volumes
        .flatten()
        .map(|volume| volume.path().join("_data").join(file));
    files.filter(|file| file.exists()).collect()
}

#[test]
fn docker_nobody_waits_for_volumes_that_are_being_filled() {
    let config = json!({"Cmd": ["/bin/busybox", "true"], "Volumes": {"/v": {}}});
    // Its first entry, so that it is there when the copying has begun.
    let marker = format!("0-{}", std::process::id());
    let mut image = Image::new("filling", config, |layer| {
        append(layer, &format!("v/{marker}"), b"");
        for number in 0..MANY {
            append(layer, &format!("v/{number:06}"), b"");
        }
    });
    let target = image.loaded("filling");
    let filled = |what: &str| {
        let begin = Instant::now();
        wait_until(what, START, || !volumes_with(&marker).is_empty());
        begin.elapsed()
    };
    let is_clean = || image.containers().is_empty() && volumes_with(&marker).is_empty();

    let child = image.build(&target, &[]).spawn().unwrap();
    let began = filled("the daemon fills the volume");
    signal(child.id(), "INT");
    let given_up = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(given_up.elapsed() < SOON, "{:?}", given_up.elapsed());
    wait_until("nothing is left", SOON, is_clean);

    let limit = format!("{}ms", (began + Duration::from_secs(1)).as_millis());
    let child = image
        .build(&target, &["--timeout", &limit])
        .spawn()
        .unwrap();
    filled("the daemon fills the volume again");
    let begin = Instant::now();
    let output = child.wait_with_output().unwrap();
    let stderr = said(&output);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("not finished after"), "{stderr}");
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    wait_until("nothing is left", SOON, is_clean);
}
