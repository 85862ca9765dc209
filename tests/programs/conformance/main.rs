//! Calls every system call that the tracer records, in each awkward way, and says beside each call what must be in
//! the trace: one line on standard output, its fields separated by tabs:
//!
//!     expect NAME OPERATION REQUESTED BASE RESOLVED RESULT
//!
//! `-` stands for none, `*` for anything, `ok` for a success. Bytes outside printable ASCII are written `\xNN`.
//!
//! `conformance all` runs the cases (`calls`: those without io_uring) and then waits for /tmp/stop; `conformance open PATH` opens a file (for `docker exec`
//! and the like); `conformance foreign PATH` does too and makes a call of the 32-bit table; `conformance polled` opens
//! /data/polled when its first thread has ended; `conformance stop` makes /tmp/stop. Compiled by the tests, statically.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

mod calls;
mod cases;
mod machine;
mod uring;

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.first().map(|word| word.as_bytes()) {
        Some(which @ (b"all" | b"calls")) => {
            cases::all();
            if which == b"all" {
                uring::all();
            }
            println!("ready");
            std::io::stdout().flush().expect("flush");
            while fs::metadata("/tmp/stop").is_err() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        Some(which @ (b"open" | b"foreign")) => {
            let path = CString::new(arguments[1].as_bytes()).expect("path");
            calls::expect("openat", "Open", path.as_bytes(), "/", &arguments[1].to_string_lossy(), "ok");
            calls::openat(calls::AT_FDCWD, &path, 0);
            if which == b"foreign" {
                machine::foreign_call();
            }
        }
        Some(b"polled") => uring::polled(),
        Some(b"stop") => fs::write("/tmp/stop", "").expect("stop"),
        // A script's interpreter gets the script's path behind its own argument.
        _ => {}
    }
}
