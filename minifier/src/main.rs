//! The `minifier` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    minifier::cli::main()
}
