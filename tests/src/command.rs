//! Running other programs in tests.

use std::process::{Command, Output};

/// Runs a program to its end and gives its standard output; panics with everything it said when it fails or is
/// not there.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} failed with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Runs a program to its end, whatever it says; panics when it is not there.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"))
}
