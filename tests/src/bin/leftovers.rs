//! Fails if runs of minifier have left anything on this machine. Nothing may run meanwhile.

use std::process::ExitCode;

use anyhow::Result;

fn main() -> Result<ExitCode> {
    let left = minifier_tests::leftovers::of_machine()?;
    for one in &left {
        eprintln!("left behind: {one}");
    }
    Ok(match left.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
