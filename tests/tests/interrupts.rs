//! SIGINT and SIGTERM while somebody else keeps the program waiting: a registry that asks for patience, a daemon that does
//! not answer. The first signal ends it within seconds, the second at once.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use minifier_tests::Minifier;
use minifier_tests::process::signal;
use minifier_tests::registry::{Answer, FakeRegistry, TinyServer, stored};
use minifier_tests::transport::small_archive;
use tempfile::TempDir;

/// What an orderly end may take on a busy machine.
const SOON: Duration = Duration::from_secs(9);

/// Signals with the exit code that each leads to.
const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

/// The program at work.
struct Running {
    child: Child,
    what: String,
}

impl Running {
    fn start(folder: &Path, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let program = Minifier::find().expect("the program is there");
        let mut command = program.command(folder);
        command
            .args(arguments)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        prepare(&mut command);
        Self {
            child: command.spawn().expect("the program starts"),
            what: format!("{arguments:?}"),
        }
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Its end, which must come in time; killed otherwise.
    fn ends_within(mut self, limit: Duration) -> (Output, Duration) {
        let begin = Instant::now();
        while self
            .child
            .try_wait()
            .expect("it can be waited for")
            .is_none()
        {
            if begin.elapsed() > limit {
                self.child.kill().expect("it can be killed");
                let output = self.child.wait_with_output().expect("it ends");
                let stderr = String::from_utf8_lossy(&output.stderr);
                panic!("{} goes on after {limit:?}: {stderr}", self.what);
            }
            thread::sleep(Duration::from_millis(10));
        }
        let took = begin.elapsed();
        (self.child.wait_with_output().expect("it ended"), took)
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends each signal once when `ready` says that the program waits, and looks how it ends.
fn ends_by_each_signal(
    folder: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    ready: &Receiver<()>,
) {
    for (signal, code) in SIGNALS {
        let running = Running::start(folder, arguments, |command| {
            command.envs(environment.iter().copied());
        });
        ready
            .recv_timeout(Duration::from_secs(30))
            .unwrap_or_else(|e| panic!("{}: nobody was asked: {e}", running.what));
        // From the question to the wait for its answer.
        thread::sleep(Duration::from_millis(200));
        running.signal(signal);
        let (output, _) = running.ends_within(SOON);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains("nothing is left behind"), "{stderr}");
        while ready.try_recv().is_ok() {}
    }
}

#[test]
fn a_registry_that_asks_for_patience_keeps_nobody() {
    // The image is there, and only its blobs are not yet.
    let (image, _) = stored(&[small_archive(b"x", &[]).0]);
    for only_blobs in [false, true] {
        let fake = FakeRegistry::new();
        fake.add_manifest("1", image.manifest.media_type(), image.manifest.bytes());
        fake.add_blob(&image.config.to_bytes());
        let (asked, ready) = channel();
        let config = image.manifest.config().digest.to_string();
        let server = TinyServer::start(move |request| {
            let layer = request.path.contains("/blobs/") && !request.path.ends_with(&config);
            if layer || !only_blobs {
                // The test may be over.
                let _ = asked.send(());
                return Answer::new(429, "").with("Retry-After", "120");
            }
            fake.answer(request)
        });
        let location = format!("docker://127.0.0.1:{}/a:1", server.port());
        let folder = TempDir::new().unwrap();
        for arguments in [
            &["copy", &location, "oci:layout:x"][..],
            &["copy", &location, "docker-archive:a.tar"],
            &["xray", "--target", &location],
            &["validate", &location],
            &[
                "build",
                "--target",
                &location,
                "--output",
                "oci:slim:x",
                "--runtime",
                "runc",
            ],
        ] {
            ends_by_each_signal(folder.path(), arguments, &[], &ready);
        }
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_registry_that_asks_for_patience_keeps_nobody_who_writes() {
    let (asked, ready) = channel();
    let server = TinyServer::start(move |request| {
        if request.path == "/v2/" {
            return Answer::new(200, "{}");
        }
        // The test may be over.
        let _ = asked.send(());
        Answer::new(429, "").with("Retry-After", "120")
    });
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let location = format!("docker://127.0.0.1:{}/a:1", server.port());
    let arguments = ["copy", "docker-archive:a.tar", &location];
    ends_by_each_signal(folder.path(), &arguments, &[], &ready);
}

/// A daemon that accepts connections, tells of each and of each request for which it has an answer, and gives no other
/// answer than what `answer` says.
struct SilentDaemon {
    _folder: TempDir,
    host: String,
    ready: Receiver<()>,
}

impl SilentDaemon {
    fn start(
        answer: impl Fn(&str) -> Option<&'static str> + Send + Sync + Clone + 'static,
    ) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (asked, ready) = channel();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (answer, asked) = (answer.clone(), asked.clone());
                thread::spawn(move || {
                    let silent = || {
                        // The test may be over.
                        let _ = asked.send(());
                    };
                    // Ends with the program.
                    let _ = serve(connection, &answer, silent);
                });
            }
        });
        Self {
            host: format!("unix://{}", socket.display()),
            _folder: folder,
            ready,
        }
    }
}

/// Reads requests, those with a body to their end, and says so where there will be no answer.
fn serve(
    connection: UnixStream,
    answer: impl Fn(&str) -> Option<&'static str>,
    silent: impl Fn(),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let (mut first, mut chunked) = (String::new(), false);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding");
            if line.trim().is_empty() {
                break;
            }
        }
        if chunked {
            read_chunks(&mut reader)?;
        }
        match answer(first.split(' ').nth(1).unwrap_or_default()) {
            Some(body) => {
                let length = body.len();
                write!(
                    writer,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
                )?;
            }
            None => {
                silent();
                // Until the other side gives up.
                return reader.read(&mut [0]).map(drop);
            }
        }
    }
}

fn read_chunks(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
        std::io::copy(&mut reader.take(size + 2), &mut std::io::sink())?;
        if size == 0 {
            return Ok(());
        }
    }
}

#[test]
fn a_daemon_that_does_not_answer_keeps_nobody() {
    let daemon = SilentDaemon::start(|_| None);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let environment = [
        ("DOCKER_HOST", daemon.host.as_str()),
        ("CONTAINER_HOST", daemon.host.as_str()),
    ];
    for arguments in [
        &["copy", "app:1", "oci:layout:x"][..],
        &["copy", "docker-archive:a.tar", "docker-daemon:app:1"],
        &["copy", "docker-archive:a.tar", "containers-storage:app:1"],
        &["xray", "--target", "app:1"],
        &["xray", "--target", "containers-storage:app:1"],
        &["validate", "app:1"],
        &["build", "--target", "app:1", "--tag", "app:2"],
        &[
            "build",
            "--target",
            "docker-archive:a.tar",
            "--tag",
            "app:2",
            "--runtime",
            "docker",
        ],
    ] {
        ends_by_each_signal(folder.path(), arguments, &environment, &daemon.ready);
    }
    ends_by_each_signal(folder.path(), &["doctor"], &environment, &daemon.ready);
}

#[test]
fn a_runtime_that_hangs_does_not_keep_the_doctor() {
    let folder = TempDir::new().unwrap();
    let started = folder.path().join("started");
    // It ends by itself, so that nothing of the test goes on for long.
    let script = format!("#!/bin/sh\n: > {}\nexec /bin/sleep 30\n", started.display());
    fs::write(folder.path().join("runc"), script).unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path().join("runc"), executable).unwrap();
    for (signal, code) in SIGNALS {
        let running = Running::start(folder.path(), &["doctor"], |command| {
            command
                .env("PATH", folder.path())
                .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        });
        let begin = Instant::now();
        while !started.exists() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "nobody was asked"
            );
            thread::sleep(Duration::from_millis(10));
        }
        running.signal(signal);
        let (output, _) = running.ends_within(SOON);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        fs::remove_file(&started).unwrap();
    }
}

#[test]
fn a_build_ends_after_the_time_that_is_allowed_whatever_it_waits_for() {
    let daemon = SilentDaemon::start(|_| None);
    let server = TinyServer::start(|_| Answer::new(429, "").with("Retry-After", "120"));
    let registry = format!("docker://127.0.0.1:{}/a:1", server.port());
    let folder = TempDir::new().unwrap();
    for target in ["app:1", &registry] {
        let arguments = [
            "build",
            "--timeout",
            "1s",
            "--target",
            target,
            "--output",
            "oci:slim:x",
        ];
        let running = Running::start(folder.path(), &arguments, |command| {
            command.env("DOCKER_HOST", &daemon.host);
        });
        let (output, _) = running.ends_within(SOON);
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{target}: {stderr}");
        assert!(stderr.contains("not finished after 1 s"), "{stderr}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What a daemon says about itself that then keeps an image to itself.
fn until_the_load(path: &str) -> Option<&'static str> {
    if path.ends_with("/version") {
        Some(r#"{"Version":"29.0","ApiVersion":"1.52","MinAPIVersion":"1.24"}"#)
    } else if path.ends_with("/info") {
        Some(r#"{"Driver":"overlay2","DockerRootDir":"/nonexistent","OSType":"linux"}"#)
    } else {
        None
    }
}

#[test]
fn a_daemon_that_has_all_of_an_image_is_waited_for_and_then_named() {
    let daemon = SilentDaemon::start(until_the_load);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let arguments = ["copy", "docker-archive:a.tar", "docker-daemon:app:1"];
    let running = Running::start(folder.path(), &arguments, |command| {
        command.env("DOCKER_HOST", &daemon.host);
    });
    daemon.ready.recv_timeout(Duration::from_secs(30)).unwrap();
    running.signal("INT");
    let (output, _) = running.ends_within(Duration::from_secs(20));
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("left behind: possibly the image, at docker-daemon:app:1"),
        "{stderr}"
    );
}

#[test]
fn what_is_left_after_the_time_that_is_allowed_is_reported() {
    let daemon = SilentDaemon::start(until_the_load);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let arguments = [
        "build",
        "--timeout",
        "1s",
        "--runtime",
        "docker",
        "--target",
        "docker-archive:a.tar",
        "--output",
        "oci:slim:x",
    ];
    let running = Running::start(folder.path(), &arguments, |command| {
        command.env("DOCKER_HOST", &daemon.host);
    });
    // Ten seconds each for the daemon's last word on the image and for its removal.
    let (output, _) = running.ends_within(Duration::from_secs(60));
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    let note = "note: left behind for the guard process, which removes it in the background: possibly the image \
                minifier-run:";
    assert!(stderr.contains(note), "{stderr}");
}

#[test]
fn a_second_signal_ends_the_program_at_once_and_says_what_is_left() {
    let daemon = SilentDaemon::start(until_the_load);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let arguments = ["copy", "docker-archive:a.tar", "docker-daemon:app:1"];
    for (signal, code) in SIGNALS {
        let running = Running::start(folder.path(), &arguments, |command| {
            command.env("DOCKER_HOST", &daemon.host);
        });
        daemon.ready.recv_timeout(Duration::from_secs(30)).unwrap();
        running.signal("INT");
        // It waits for the daemon's last word.
        thread::sleep(Duration::from_millis(500));
        running.signal(signal);
        let (output, took) = running.ends_within(SOON);
        assert!(took < Duration::from_secs(1), "{took:?}");
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let words = "again, ended at once; left behind: possibly the image, at docker-daemon:app:1";
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[test]
fn a_second_signal_ends_the_program_although_nobody_reads_its_words() {
    let daemon = SilentDaemon::start(until_the_load);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.tar"), small_archive(b"x", &["a:1"]).0).unwrap();
    let arguments = ["copy", "docker-archive:a.tar", "docker-daemon:app:1"];
    // Full to the last byte.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut full = writer.try_clone().unwrap();
    let filling = thread::spawn(move || full.write_all(&vec![b'x'; 1 << 20]));
    let running = Running::start(folder.path(), &arguments, |command| {
        command.env("DOCKER_HOST", &daemon.host).stderr(writer);
    });
    daemon.ready.recv_timeout(Duration::from_secs(30)).unwrap();
    running.signal("INT");
    thread::sleep(Duration::from_millis(500));
    running.signal("INT");
    let (output, took) = running.ends_within(SOON);
    assert_eq!(output.status.code(), Some(130));
    assert!(took < Duration::from_secs(3), "{took:?}");
    drop(reader);
    assert!(
        filling.join().unwrap().is_err(),
        "the pipe was full all the time"
    );
}
