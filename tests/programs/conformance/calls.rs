//! System calls by their number on x86-64, and the lines that say what must be traced.

use std::ffi::{CStr, c_long};
use std::io::Write;

use crate::machine;

pub const AT_FDCWD: i64 = -100;
pub const AT_SYMLINK_NOFOLLOW: i64 = 0x100;
pub const AT_SYMLINK_FOLLOW: i64 = 0x400;
pub const AT_EMPTY_PATH: i64 = 0x1000;
pub const O_WRONLY: i64 = 1;
pub const O_RDWR: i64 = 2;
pub use crate::machine::{O_DIRECTORY, O_NOFOLLOW};
pub const O_PATH: i64 = 0o10_000_000;
pub const O_TMPFILE: i64 = 0o20_000_000 | O_DIRECTORY;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut i32;
}

/// Something to pass to the kernel.
pub trait Argument {
    fn word(&self) -> i64;
}

impl Argument for i64 {
    fn word(&self) -> i64 {
        *self
    }
}

impl Argument for &CStr {
    fn word(&self) -> i64 {
        self.as_ptr() as i64
    }
}

/// Memory for the kernel to read, never freed.
pub fn words(words: &[i64]) -> i64 {
    words.to_vec().leak().as_ptr() as i64
}

/// Memory for the kernel to write to: 64 KiB, never freed.
pub fn room() -> i64 {
    vec![0u64; 8192].leak().as_ptr() as i64
}

/// Calls the kernel: the result, or the negated errno.
pub fn call(number: i64, arguments: &[&dyn Argument]) -> i64 {
    let mut words = [0; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = argument.word();
    }
    let (number, words) = machine::call(number, words);
    // SAFETY: every pointer among the words is to something that lives until the call returns.
    unsafe {
        let result = syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
        if result == -1 { -i64::from(*__errno_location()) } else { result }
    }
}

pub fn openat(at: i64, path: &CStr, flags: i64) -> i64 {
    call(257, &[&at, &path, &flags, &0o644])
}

pub fn close(descriptor: i64) {
    call(3, &[&descriptor]);
}

/// The next call must be in the trace like this.
pub fn expect(name: &str, operation: &str, requested: &[u8], base: &str, resolved: &str, result: &str) {
    let name = machine::name(name);
    let mut line = format!("expect\t{name}\t{operation}\t");
    for &byte in requested {
        if byte.is_ascii_graphic() && byte != b'\\' {
            line.push(char::from(byte));
        } else {
            line += &format!("\\x{byte:02x}");
        }
    }
    line += &format!("\t{base}\t{resolved}\t{result}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).expect("write");
    out.flush().expect("flush");
}
