//! A daemon that stops answering while a build is ended: the guard removes what is left, once the daemon answers again.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use minifier_tests::process::{signal, wait_until};
use tempfile::TempDir;

use super::{Build, GUARD, archive, command, containers, daemon, guard, loaded, names};

/// The Docker daemon through a socket that can be made to keep everything to itself, as a daemon that is stopped does.
struct Proxy {
    folder: TempDir,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    fn start() -> Self {
        let proxy = Self {
            folder: TempDir::new().unwrap(),
            stopped: Arc::default(),
        };
        let listener = UnixListener::bind(proxy.folder.path().join("s")).unwrap();
        let stopped = proxy.stopped.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = UnixStream::connect("/var/run/docker.sock").unwrap();
                let pairs = [(&near, &far), (&far, &near)];
                for (from, to) in
                    pairs.map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
                {
                    let stopped = stopped.clone();
                    thread::spawn(move || pass_on(from, to, &stopped));
                }
            }
        });
        proxy
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("s").display())
    }

    /// Lets the daemon answer again, and waits until nothing of the run is there.
    fn go_on_until_all_is_gone(&self, run: &str) {
        self.stopped.store(false, Ordering::Relaxed);
        wait_until("the container is gone", GUARD, || {
            containers(run, "true").is_empty()
        });
        wait_until("the image is gone", GUARD, || loaded(run).is_empty());
    }
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, stopped: &AtomicBool) {
    let mut buffer = [0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while stopped.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other side may be gone.
    let _ = to.shutdown(Shutdown::Write);
}

/// A build whose container runs, and whose daemon has just stopped answering.
fn with_a_stopped_daemon(folder: &Path) -> (Proxy, Build) {
    let location = archive(folder);
    let proxy = Proxy::start();
    let mut first = command(folder, &location, "docker", &[]);
    first.env("DOCKER_HOST", proxy.host());
    let build = Build::start(first, folder, |run| !containers(run, "false").is_empty());
    proxy.stopped.store(true, Ordering::Relaxed);
    (proxy, build)
}

#[test]
fn docker_a_daemon_that_is_stopped_keeps_nobody_and_the_guard_waits_for_it() {
    let _daemon = daemon();
    let folder = TempDir::new().unwrap();
    let (proxy, mut build) = with_a_stopped_daemon(folder.path());
    let begin = Instant::now();
    signal(build.pid(), "INT");
    let output = build.output();
    // Ten seconds each for the container and for the image.
    assert!(
        begin.elapsed() < Duration::from_secs(35),
        "{:?}",
        begin.elapsed()
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let run = build.run.clone();
    for left in [
        "left behind for the guard process, which removes it in the background: ",
        &format!("org.minifier.run={run}"),
        &format!("minifier-run:{run}"),
    ] {
        assert!(stderr.contains(left), "{left}: {stderr}");
    }
    assert!(!containers(&run, "false").is_empty());
    proxy.go_on_until_all_is_gone(&run);
    wait_until("the guard has ended", Duration::from_secs(90), || {
        guard(&run).is_none()
    });
}

#[test]
fn docker_after_a_second_interrupt_the_guard_is_said_to_remove_the_rest() {
    let _daemon = daemon();
    let folder = TempDir::new().unwrap();
    let (proxy, mut build) = with_a_stopped_daemon(folder.path());
    for _ in 0..2 {
        signal(build.pid(), "INT");
        // It waits for the daemon.
        thread::sleep(Duration::from_millis(500));
    }
    let output = build.output();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let words = "interrupted again, ended at once; left behind for the guard process, which removes it in the \
                 background: the temporary folder ";
    assert!(stderr.contains(words), "{stderr}");
    let run = build.run.clone();
    proxy.go_on_until_all_is_gone(&run);
    wait_until("the files are gone", GUARD, || {
        names(&folder.path().join("tmp")).is_empty()
    });
}
