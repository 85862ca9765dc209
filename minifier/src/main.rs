//! The command `minify`.

use std::process::ExitCode;

fn main() -> ExitCode {
    minifier::cli::main()
}
