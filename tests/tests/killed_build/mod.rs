//! A build that is killed: its container does not outlive it, and what is left after all goes with the next build.

mod stopped_daemon;

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use minifier_tests::Minifier;
use minifier_tests::process::{signal, wait_until};
use minifier_tests::transport::{Names, busybox_archive, docker};
use serde_json::json;
use tempfile::TempDir;

/// What starting a build may take on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How soon everything of a killed build must be gone.
const SOON: Duration = Duration::from_secs(10);
/// How long a guard may go on after that, to look again.
const GUARD: Duration = Duration::from_secs(20);

/// Held by tests that use the daemon: any build removes at once what the build of another test has left.
fn daemon() -> MutexGuard<'static, ()> {
    static DAEMON: Mutex<()> = Mutex::new(());
    DAEMON.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An archive of an image with busybox that does nothing for long; gives its location.
fn archive(folder: &Path) -> String {
    let config = json!({"Cmd": ["/bin/busybox", "sleep", "600"]});
    busybox_archive(folder, "amd64", &config)
}

/// A build that goes on for as long as its container does, with everything of its own in one folder.
struct Build {
    child: Option<Child>,
    run: String,
}

/// A test that fails leaves none behind.
impl Drop for Build {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The command of a build, with its temporary files and its cache in `folder`.
fn command(folder: &Path, target: &str, runtime: &str, more: &[&str]) -> Command {
    fs::create_dir_all(folder.join("tmp")).unwrap();
    let program = Minifier::find().expect("the program is there");
    let mut command = program.command(&folder.join("tmp"));
    command
        .current_dir(folder)
        .args([
            "build",
            "--runtime",
            runtime,
            "--cache-dir",
            "cache",
            "--target",
            target,
        ])
        .args(["--output", "oci:slim:x"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Build {
    /// Starts one and waits until its container runs.
    fn start(mut command: Command, folder: &Path, runs: impl Fn(&str) -> bool) -> Self {
        let child = command
            .args(["--continue-after", "600s"])
            .spawn()
            .expect("the program starts");
        let mut build = Self {
            child: Some(child),
            run: String::new(),
        };
        wait_until("the container runs", START, || {
            if build.run.is_empty() {
                build.run = run_in(folder).unwrap_or_default();
            }
            !build.run.is_empty() && runs(&build.run)
        });
        assert!(guard(&build.run).is_some(), "there is a guard");
        build
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was not waited for").id()
    }

    fn kill(&mut self) {
        let mut child = self.child.take().expect("it was not waited for");
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
    }

    fn output(&mut self) -> Output {
        let child = self.child.take().expect("it was not waited for");
        child.wait_with_output().expect("it ends")
    }
}

/// The run whose temporary folder is there.
fn run_in(folder: &Path) -> Option<String> {
    let name = names(&folder.join("tmp")).into_iter().next()?;
    let (run, _) = name.strip_prefix("minifier-")?.rsplit_once('-')?;
    Some(run.to_owned())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Pid of the guard of a run.
fn guard(run: &str) -> Option<u32> {
    names(Path::new("/proc")).into_iter().find_map(|pid| {
        let pid: u32 = pid.parse().ok()?;
        let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<&[u8]> = words.split(|&byte| byte == 0).collect();
        let scratch = |word: &&[u8]| memmem(word, run.as_bytes());
        (words.get(1) == Some(&&b"guard"[..]) && words.iter().any(scratch)).then_some(pid)
    })
}

fn memmem(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Containers of a run; those that run, or all.
fn containers(run: &str, all: &str) -> String {
    let label = format!("label=org.minifier.run={run}");
    docker(&["ps", &format!("--all={all}"), "--quiet", "--filter", &label])
}

/// Names of images that were loaded for a run.
fn loaded(run: &str) -> String {
    docker(&["images", "--quiet", &format!("minifier-run:{run}")])
}

/// Control groups of containers of the OCI runtime, by the folders of the cache.
fn oci_containers(folder: &Path) -> Vec<String> {
    names(&folder.join("cache/runs"))
}

fn runs_in_oci(folder: &Path) -> bool {
    oci_containers(folder).iter().any(|id| processes(id) > 0)
}

/// Processes whose control group bears the name of a container, those aside that only wait for their parent.
fn processes(id: &str) -> usize {
    let text = |pid: &str, file: &str| {
        fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
    };
    names(Path::new("/proc"))
        .iter()
        .filter(|pid| text(pid, "cgroup").contains(id) && !text(pid, "stat").contains(") Z "))
        .count()
}

#[test]
fn docker_the_container_of_a_killed_build_does_not_outlive_it() {
    let _daemon = daemon();
    let mut images = Names::new();
    let image = images.add("killed");
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let copied = Minifier::find()
        .unwrap()
        .command(folder.path())
        .args(["copy", &location, &format!("docker-daemon:{image}")])
        .output()
        .unwrap();
    assert!(
        copied.status.success(),
        "{}",
        String::from_utf8_lossy(&copied.stderr)
    );
    // One that the daemon has, and one that is loaded into it.
    for target in [&image, &location] {
        let command = command(folder.path(), target, "docker", &[]);
        let mut build = Build::start(command, folder.path(), |run| {
            !containers(run, "false").is_empty()
        });
        build.kill();
        let run = &build.run;
        wait_until("the container is gone", SOON, || {
            containers(run, "true").is_empty()
        });
        wait_until("the image is gone", SOON, || loaded(run).is_empty());
        wait_until("the files are gone", SOON, || {
            names(&folder.path().join("tmp")).is_empty()
        });
        wait_until("the guard has ended", GUARD, || guard(run).is_none());
    }
}

#[test]
fn docker_the_next_build_removes_what_a_killed_one_and_its_guard_left() {
    let _daemon = daemon();
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let first = command(folder.path(), &location, "docker", &[]);
    let mut build = Build::start(first, folder.path(), |run| {
        !containers(run, "false").is_empty()
    });
    signal(guard(&build.run).unwrap(), "KILL");
    build.kill();
    thread::sleep(Duration::from_secs(1));
    let run = &build.run;
    assert!(!containers(run, "false").is_empty(), "it runs and runs");
    assert!(!loaded(run).is_empty());
    assert!(!names(&folder.path().join("tmp")).is_empty());
    let job = ["--cmd", "/bin/busybox true", "--continue-after", "exit"];
    let next = command(folder.path(), &location, "docker", &job)
        .output()
        .unwrap();
    assert!(
        next.status.success(),
        "{}",
        String::from_utf8_lossy(&next.stderr)
    );
    assert_eq!((containers(run, "true"), loaded(run)), Default::default());
    assert_eq!(names(&folder.path().join("tmp")), [""; 0]);
}

#[test]
fn docker_a_build_that_goes_on_is_not_swept_by_another() {
    let _daemon = daemon();
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let first = command(folder.path(), &location, "docker", &[]);
    let mut build = Build::start(first, folder.path(), |run| {
        !containers(run, "false").is_empty()
    });
    let job = ["--cmd", "/bin/busybox true", "--continue-after", "exit"];
    let next = command(folder.path(), &location, "docker", &job)
        .output()
        .unwrap();
    assert!(
        next.status.success(),
        "{}",
        String::from_utf8_lossy(&next.stderr)
    );
    assert!(!containers(&build.run, "false").is_empty());
    assert_eq!(run_in(folder.path()).as_deref(), Some(build.run.as_str()));
    build.kill();
    wait_until("the container is gone", SOON, || {
        containers(&build.run, "true").is_empty()
    });
}

#[test]
fn privileged_a_container_of_an_oci_runtime_does_not_outlive_a_killed_build() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let mut build = Build::start(
        command(folder.path(), &location, "runc", &[]),
        folder.path(),
        |_| runs_in_oci(folder.path()),
    );
    let id = oci_containers(folder.path()).remove(0);
    build.kill();
    wait_until("the container is gone", SOON, || processes(&id) == 0);
    wait_until("its files are gone", SOON, || {
        oci_containers(folder.path()).is_empty()
    });
    wait_until("the files are gone", SOON, || {
        names(&folder.path().join("tmp")).is_empty()
    });
    wait_until("the guard has ended", GUARD, || guard(&build.run).is_none());
}

#[test]
fn privileged_a_guard_ends_with_its_build_and_has_nothing_to_do() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let job = ["--cmd", "/bin/busybox sleep 2", "--continue-after", "exit"];
    let mut child = command(folder.path(), &location, "runc", &job)
        .spawn()
        .unwrap();
    let mut seen = None;
    while child.try_wait().unwrap().is_none() {
        let run = run_in(folder.path());
        seen = seen.or_else(|| guard(run.as_deref()?).and(run));
        thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let run = seen.expect("there was a guard");
    assert_eq!(guard(&run), None);
}

/// A process that does nothing until this is dropped.
struct Stopped(String);

impl Stopped {
    fn new(pid: u32) -> Self {
        let pid = pid.to_string();
        let stopped = Command::new("kill").args(["-s", "STOP", &pid]).status();
        assert!(stopped.expect("kill runs").success());
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may be gone.
        let _ = Command::new("kill").args(["-s", "CONT", &self.0]).output();
    }
}

#[test]
fn privileged_a_guard_that_is_stopped_does_not_keep_its_build() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let job = ["--cmd", "/bin/busybox sleep 2", "--continue-after", "exit"];
    let child = command(folder.path(), &location, "runc", &job)
        .spawn()
        .unwrap();
    let mut build = Build {
        child: Some(child),
        run: String::new(),
    };
    let mut found = None;
    wait_until("there is a guard", START, || {
        found = run_in(folder.path()).and_then(|run| Some((guard(&run)?, run)));
        found.is_some()
    });
    let (pid, run) = found.unwrap();
    build.run = run;
    let _stopped = Stopped::new(pid);
    wait_until("the build ends", START, || {
        let child = build.child.as_mut().expect("it was not waited for");
        child.try_wait().unwrap().is_some()
    });
    let output = build.output();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    wait_until("the guard is gone", SOON, || guard(&build.run).is_none());
}

#[test]
fn privileged_a_guard_says_in_lists_of_processes_what_it_is() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let first = command(folder.path(), &location, "runc", &[]);
    let mut build = Build::start(first, folder.path(), |_| runs_in_oci(folder.path()));
    let pid = guard(&build.run).unwrap();
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(name.trim_end(), "minifier-guard");
    let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let first = words.split('\0').next();
    let expected = format!("minify guard of run {}", build.run);
    assert_eq!(first, Some(expected.as_str()));
    build.kill();
    wait_until("the guard has ended", GUARD, || guard(&build.run).is_none());
}

#[test]
fn privileged_a_guard_survives_the_signals_of_a_terminal_and_holds_no_pipe_open() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    // What a runner of CI jobs hands on to all that it starts.
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(writer.as_fd(), rustix::io::FdFlags::empty()).unwrap();
    let mut first = command(folder.path(), &location, "runc", &[]);
    first.process_group(0);
    let mut build = Build::start(first, folder.path(), |_| runs_in_oci(folder.path()));
    drop(writer);
    let id = oci_containers(folder.path()).remove(0);
    let guard_pid = guard(&build.run).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(guard_pid).unwrap());
    assert_eq!(
        rustix::process::getsid(pid).unwrap(),
        pid.unwrap(),
        "the guard is in a session of others"
    );
    // As a terminal does it: to all of the group. The last one cannot be caught.
    let group = format!("-{}", build.pid());
    for signal in ["HUP", "KILL"] {
        // The first may have ended it already.
        let _ = Command::new("kill")
            .args(["-s", signal, "--", &group])
            .status();
    }
    let begin = Instant::now();
    let Output { stdout, .. } = build.output();
    assert!(stdout.is_empty());
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "a pipe was open for {:?}",
        begin.elapsed()
    );
    wait_until("the container is gone", SOON, || processes(&id) == 0);
    wait_until("the guard has ended", GUARD, || guard(&build.run).is_none());
}

#[test]
fn privileged_a_second_interrupt_leaves_the_rest_to_the_guard() {
    let folder = TempDir::new().unwrap();
    let location = archive(folder.path());
    let first = command(folder.path(), &location, "runc", &[]);
    let mut build = Build::start(first, folder.path(), |_| runs_in_oci(folder.path()));
    let pid = build.pid().to_string();
    for _ in 0..2 {
        // The first may have been enough.
        let _ = Command::new("kill").args(["-s", "INT", &pid]).status();
    }
    let output = build.output();
    assert_eq!(
        output.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    wait_until("its files are gone", SOON, || {
        oci_containers(folder.path()).is_empty()
    });
    wait_until("the files are gone", SOON, || {
        names(&folder.path().join("tmp")).is_empty()
    });
    wait_until("the guard has ended", GUARD, || guard(&build.run).is_none());
}
