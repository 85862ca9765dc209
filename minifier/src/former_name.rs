//! The command under its former name, `minifier`: becomes the `minify` that lies beside it. It links nothing of the
//! library, so that nothing is there twice.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    // The kernel's link to the executable: a link that leads here from elsewhere has no `minify` beside it.
    let error = match env::current_exe() {
        Ok(own) => Command::new(own.with_file_name("minify"))
            .args(env::args_os().skip(1))
            .exec(),
        Err(error) => error,
    };
    eprintln!("error: failed to start minify, which belongs beside minifier: {error}");
    ExitCode::FAILURE
}
