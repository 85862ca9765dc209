//! What differs between machines. The cases name the calls of x86-64; on arm64, which has no calls without a
//! `dirfd`, the same is asked by those that have one.

use crate::calls::{AT_FDCWD, AT_SYMLINK_NOFOLLOW};

#[cfg(target_arch = "x86_64")]
pub const O_DIRECTORY: i64 = 0o200_000;
#[cfg(target_arch = "x86_64")]
pub const O_NOFOLLOW: i64 = 0o400_000;
#[cfg(target_arch = "aarch64")]
pub const O_DIRECTORY: i64 = 0o40_000;
#[cfg(target_arch = "aarch64")]
pub const O_NOFOLLOW: i64 = 0o100_000;

const REMOVE_DIRECTORY: i64 = 0x200;
const CREATE: i64 = 0o1101;
const SIGCHLD: i64 = 17;

/// The name of the call that is made for the one of that name.
pub fn name(name: &str) -> &str {
    if cfg!(target_arch = "x86_64") {
        return name;
    }
    match name {
        "open" | "creat" => "openat",
        "stat" | "lstat" => "newfstatat",
        "access" => "faccessat",
        "readlink" => "readlinkat",
        "link" => "linkat",
        "rename" => "renameat",
        "unlink" | "rmdir" => "unlinkat",
        "symlink" => "symlinkat",
        "mknod" => "mknodat",
        "mkdir" => "mkdirat",
        "chmod" => "fchmodat",
        "chown" | "lchown" => "fchownat",
        "utime" | "utimes" | "futimesat" => "utimensat",
        "getdents" => "getdents64",
        _ => name,
    }
}

/// A call of the 32-bit table, whose paths nobody looks at. Only x86-64 can make one among its own.
pub fn foreign_call() {
    // SAFETY: getpid reads and writes no memory.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => _);
    }
}

/// The number and arguments of this machine for those of x86-64.
pub fn call(number: i64, words: [i64; 6]) -> (i64, [i64; 6]) {
    if cfg!(target_arch = "x86_64") {
        return (number, words);
    }
    let [a, b, c, ..] = words;
    let at = AT_FDCWD;
    match number {
        2 => (56, [at, a, b, c, 0, 0]),
        85 => (56, [at, a, CREATE, b, 0, 0]),
        4 => (79, [at, a, b, 0, 0, 0]),
        6 => (79, [at, a, b, AT_SYMLINK_NOFOLLOW, 0, 0]),
        21 => (48, [at, a, b, 0, 0, 0]),
        57 => (220, [SIGCHLD, 0, 0, 0, 0, 0]),
        82 => (38, [at, a, at, b, 0, 0]),
        83 => (34, [at, a, b, 0, 0, 0]),
        84 => (35, [at, a, REMOVE_DIRECTORY, 0, 0, 0]),
        86 => (37, [at, a, at, b, 0, 0]),
        87 => (35, [at, a, 0, 0, 0, 0]),
        88 => (36, [a, at, b, 0, 0, 0]),
        89 => (78, [at, a, b, c, 0, 0]),
        90 => (53, [at, a, b, 0, 0, 0]),
        92 => (54, [at, a, b, c, 0, 0]),
        94 => (54, [at, a, b, c, AT_SYMLINK_NOFOLLOW, 0]),
        132 | 235 => (88, [at, a, 0, 0, 0, 0]),
        133 => (33, [at, a, b, c, 0, 0]),
        261 => (88, [a, b, 0, 0, 0, 0]),
        _ => (renumbered(number), words),
    }
}

/// Calls with the same arguments.
fn renumbered(number: i64) -> i64 {
    const NUMBERS: [(i64, i64); 52] = [
        (3, 57),
        (9, 222),
        (41, 198),
        (42, 203),
        (44, 206),
        (46, 211),
        (49, 200),
        (50, 201),
        (59, 221),
        (60, 93),
        (61, 260),
        (76, 45),
        (78, 61),
        (80, 49),
        (81, 50),
        (137, 43),
        (155, 41),
        (161, 51),
        (165, 40),
        (166, 39),
        (188, 5),
        (189, 6),
        (191, 8),
        (192, 9),
        (194, 11),
        (195, 12),
        (197, 14),
        (198, 15),
        (217, 61),
        (254, 27),
        (257, 56),
        (258, 34),
        (259, 33),
        (260, 54),
        (262, 79),
        (263, 35),
        (264, 38),
        (265, 37),
        (266, 36),
        (267, 78),
        (268, 53),
        (269, 48),
        (272, 97),
        (280, 88),
        (294, 26),
        (300, 262),
        (301, 263),
        (303, 264),
        (304, 265),
        (316, 276),
        (322, 281),
        (332, 291),
    ];
    // From here on all machines number alike.
    if number >= 424 {
        return number;
    }
    let found = NUMBERS.iter().find(|(of_x86_64, _)| *of_x86_64 == number);
    found.unwrap_or_else(|| panic!("call {number} has no number here")).1
}
