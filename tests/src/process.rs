//! Processes that a test has started, or whose pid it was given, and waiting for what they do.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Sends a signal, by its name without `SIG`; panics if there is no such process.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "SIG{name} to {pid}");
}

/// Looks again and again until `done`; panics with `what` after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < limit, "not after {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
