//! Fails if runs of minifier have left anything on this machine. Nothing may run meanwhile.

use anyhow::{Result, ensure};

fn main() -> Result<()> {
    let left = minifier_tests::leftovers::of_machine()?;
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    Ok(())
}
