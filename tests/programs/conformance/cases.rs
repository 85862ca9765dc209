//! The system calls one by one. The files are made by the tests: /data with `file`, `dir/inner`, the links `link`
//! (to `file`), `dirlink` (to `dir`), `abs` (to /data/dir/inner), `loop` (to itself), and whatever a case names.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::AsRawFd;
use std::process::Command;

use crate::calls::*;

/// Announces and makes a call with one path; checks the outcome here too, so that a case cannot rot.
macro_rules! case {
    ($name:literal $operation:ident ($requested:expr, $base:expr, $resolved:expr, $result:expr) = $number:literal $arguments:expr) => {{
        let requested: &CStr = $requested;
        expect($name, stringify!($operation), requested.to_bytes(), $base, $resolved, $result);
        made($name, $result, call($number, &$arguments))
    }};
}

fn made(name: &str, expected: &str, result: i64) -> i64 {
    let as_expected = match expected {
        "ok" => result >= 0,
        "*" => true,
        errno => errno.parse() == Ok(result),
    };
    assert!(as_expected, "{name}: {expected} was expected, {result} came");
    result
}

pub fn all() {
    opening();
    directories();
    looking();
    naming();
    changing();
    sockets();
    processes();
    never_touched();
    long();
    moved_roots();
}

fn opening() {
    let file = c"/data/file";
    let dir = case!("openat" Open (c"/data/dir", "/", "/data/dir", "ok") = 257 [&AT_FDCWD, &c"/data/dir", &O_DIRECTORY]);
    case!("open" Open (file, "/", "/data/file", "ok") = 2 [&file, &0]);
    case!("open" Open (c"/data/link", "/", "/data/file", "ok") = 2 [&c"/data/link", &0]);
    case!("open" Open (c"/data/dirlink/inner", "/", "/data/dir/inner", "ok") = 2 [&c"/data/dirlink/inner", &0]);
    case!("open" Open (c"/data/abs", "/", "/data/dir/inner", "ok") = 2 [&c"/data/abs", &0]);
    case!("open" Open (c"//data/./dir/..//file", "/", "/data/file", "ok") = 2 [&c"//data/./dir/..//file", &0]);
    case!("open" OpenWrite (file, "/", "/data/file", "ok") = 2 [&file, &O_RDWR]);
    case!("open" Open (c"/data/none", "/", "-", "-2") = 2 [&c"/data/none", &0]);
    case!("open" Open (c"", "/", "-", "-2") = 2 [&c"", &0]);
    case!("open" Open (c"/data/loop", "/", "-", "-40") = 2 [&c"/data/loop", &0]);
    case!("open" Open (c"/data/file/below", "/", "-", "-20") = 2 [&c"/data/file/below", &0]);
    case!("open" Open (c"/data/link", "/", "-", "-40") = 2 [&c"/data/link", &O_NOFOLLOW]);
    case!("open" LookNoFollow (c"/data/link", "/", "/data/link", "ok") = 2 [&c"/data/link", &(O_PATH | O_NOFOLLOW)]);
    case!("open" Look (c"/data/link", "/", "/data/file", "ok") = 2 [&c"/data/link", &O_PATH]);
    // Not on an overlay before kernel 6.1.
    case!("open" OpenWrite (c"/data/dir", "/", "-", "*") = 2 [&c"/data/dir", &(O_TMPFILE | O_RDWR), &0o600]);
    case!("open" Open (c"/data/new\nline", "/", "/data/new\\x0aline", "ok") = 2 [&c"/data/new\nline", &0]);
    case!("open" Open (c"/data/\xff\x80", "/", "/data/\\xff\\x80", "ok") = 2 [&c"/data/\xff\x80", &0]);
    case!("creat" OpenWrite (c"/data/created", "/", "/data/created", "ok") = 85 [&c"/data/created", &0o600]);
    case!("openat" Open (c"inner", "/data/dir", "/data/dir/inner", "ok") = 257 [&dir, &c"inner", &0]);
    case!("openat" Open (c"../link", "/data/dir", "/data/file", "ok") = 257 [&dir, &c"../link", &0]);
    // A descriptor does not matter to an absolute path.
    case!("openat" Open (c"/data/only", "/", "/data/only", "ok") = 257 [&-7, &c"/data/only", &0]);
    case!("openat" Open (c"inner", "-", "-", "-9") = 257 [&-7, &c"inner", &0]);
    let how = |flags: i64| words(&[flags, 0, 0]);
    case!("openat2" Open (c"inner", "/data/dir", "/data/dir/inner", "ok") = 437 [&dir, &c"inner", &how(0), &24]);
    case!("openat2" OpenWrite (c"inner", "/data/dir", "/data/dir/inner", "ok") = 437 [&dir, &c"inner", &how(O_WRONLY), &24]);
    // The file of a pipe has no path.
    let (pipe, _writer) = std::io::pipe().expect("pipe");
    let path = CString::new(format!("/proc/self/fd/{}", pipe.as_raw_fd())).expect("path");
    case!("open" Open (&path, "/", "-", "ok") = 2 [&path.as_c_str(), &0]);
    close(dir);
}

fn directories() {
    case!("chdir" ChangeDirectory (c"/data/dirlink", "/", "/data/dir", "ok") = 80 [&c"/data/dirlink"]);
    case!("open" Open (c"inner", "/data/dir", "/data/dir/inner", "ok") = 2 [&c"inner", &0]);
    case!("chdir" ChangeDirectory (c"..", "/data/dir", "/data", "ok") = 80 [&c".."]);
    case!("chdir" ChangeDirectory (c"nothing", "/data", "-", "-2") = 80 [&c"nothing"]);
    case!("chdir" ChangeDirectory (c"dirlink", "/data", "/data/dir", "ok") = 80 [&c"dirlink"]);
    let data = openat(AT_FDCWD, c"/data", O_DIRECTORY);
    case!("fchdir" ChangeDirectory (c"", "-", "/data", "ok") = 81 [&data]);
    case!("stat" Look (c"dir", "/data", "-", "ok") = 4 [&c"dir", &room()]);
    case!("getdents64" List (c"", "-", "/data", "ok") = 217 [&data, &room(), &4096]);
    close(data);
    let dir = openat(AT_FDCWD, c"dirlink", O_DIRECTORY);
    case!("getdents" List (c"", "-", "/data/dir", "ok") = 78 [&dir, &room(), &4096]);
    close(dir);
    // A removed working directory is no base.
    assert_eq!(call(83, &[&c"/data/gone", &0o755]), 0);
    assert_eq!(call(80, &[&c"/data/gone"]), 0);
    assert_eq!(call(84, &[&c"/data/gone"]), 0);
    case!("open" Open (c"nothing", "-", "-", "-2") = 2 [&c"nothing", &0]);
    assert_eq!(call(80, &[&c"/data"]), 0);
}

fn looking() {
    let data = openat(AT_FDCWD, c"/data", O_DIRECTORY);
    let file = openat(AT_FDCWD, c"/data/file", 0);
    let link = openat(AT_FDCWD, c"/data/link", O_PATH | O_NOFOLLOW);
    case!("stat" Look (c"/data/link", "/", "-", "ok") = 4 [&c"/data/link", &room()]);
    case!("lstat" LookNoFollow (c"/data/link", "/", "-", "ok") = 6 [&c"/data/link", &room()]);
    case!("newfstatat" Look (c"link", "/data", "-", "ok") = 262 [&data, &c"link", &room(), &0]);
    case!("newfstatat" LookNoFollow (c"link", "/data", "-", "ok") = 262 [&data, &c"link", &room(), &AT_SYMLINK_NOFOLLOW]);
    case!("newfstatat" Look (c"", "/data/file", "-", "ok") = 262 [&file, &c"", &room(), &AT_EMPTY_PATH]);
    case!("newfstatat" Look (c"absent", "/data", "-", "-2") = 262 [&data, &c"absent", &room(), &0]);
    case!("statx" Look (c"dir/../link", "/data", "-", "ok") = 332 [&data, &c"dir/../link", &0, &0xfff, &room()]);
    case!("statx" LookNoFollow (c"link", "/data", "-", "ok") = 332 [&data, &c"link", &AT_SYMLINK_NOFOLLOW, &0xfff, &room()]);
    case!("access" Look (c"/data/file", "/", "-", "ok") = 21 [&c"/data/file", &4]);
    case!("access" Look (c"/data/file", "/", "-", "-13") = 21 [&c"/data/file", &1]);
    case!("faccessat" Look (c"file", "/data", "-", "ok") = 269 [&data, &c"file", &4]);
    case!("faccessat2" LookNoFollow (c"link", "/data", "-", "ok") = 439 [&data, &c"link", &0, &AT_SYMLINK_NOFOLLOW]);
    case!("readlink" LookNoFollow (c"/data/dirlink", "/", "-", "ok") = 89 [&c"/data/dirlink", &room(), &4096]);
    case!("readlink" LookNoFollow (c"/data/file", "/", "-", "-22") = 89 [&c"/data/file", &room(), &4096]);
    case!("readlinkat" LookNoFollow (c"dirlink", "/data", "-", "ok") = 267 [&data, &c"dirlink", &room(), &4096]);
    case!("readlinkat" LookNoFollow (c"", "/data/link", "-", "ok") = 267 [&link, &c"", &room(), &4096]);
    case!("statfs" Look (c"/data/dir", "/", "-", "ok") = 137 [&c"/data/dir", &room()]);
    let name = c"user.minifier";
    case!("getxattr" Look (c"/data/link", "/", "-", "*") = 191 [&c"/data/link", &name, &room(), &64]);
    case!("lgetxattr" LookNoFollow (c"/data/file", "/", "-", "*") = 192 [&c"/data/file", &name, &room(), &64]);
    case!("listxattr" Look (c"/data/file", "/", "-", "ok") = 194 [&c"/data/file", &room(), &4096]);
    case!("llistxattr" LookNoFollow (c"/data/link", "/", "-", "ok") = 195 [&c"/data/link", &room(), &4096]);
    // Newer kernels only.
    case!("getxattrat" LookNoFollow (c"link", "/data", "-", "*") = 464 [&data, &c"link", &AT_SYMLINK_NOFOLLOW, &name, &words(&[0, 0]), &16]);
    case!("listxattrat" Look (c"file", "/data", "-", "*") = 465 [&data, &c"file", &0, &room(), &4096]);
    case!("file_getattr" Look (c"file", "/data", "-", "*") = 468 [&data, &c"file", &room(), &24, &0]);
    let inotify = call(294, &[&0]);
    case!("inotify_add_watch" Look (c"/data/link", "/", "-", "ok") = 254 [&inotify, &c"/data/link", &2]);
    case!("inotify_add_watch" LookNoFollow (c"/data/dirlink", "/", "-", "ok") = 254 [&inotify, &c"/data/dirlink", &0x0200_0002]);
    let fanotify = call(300, &[&0x200, &0]);
    case!("fanotify_mark" Look (c"dir", "/data", "-", "*") = 301 [&fanotify, &1, &0x20, &data, &c"dir"]);
    case!("name_to_handle_at" LookNoFollow (c"link", "/data", "-", "*") = 303 [&data, &c"link", &words(&[0, 0]), &room(), &0]);
    fs::write("/tmp/handle", "").expect("write");
    let handle = words(&[120, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    case!("name_to_handle_at" Look (c"/tmp/handle", "/", "-", "ok") = 303 [&AT_FDCWD, &c"/tmp/handle", &handle, &room(), &AT_SYMLINK_FOLLOW]);
    let tmp = openat(AT_FDCWD, c"/tmp", O_DIRECTORY);
    case!("open_by_handle_at" Open (c"", "-", "/tmp/handle", "ok") = 304 [&tmp, &handle, &0]);
    // The second call is told the size of the handle by the first.
    for descriptor in [data, file, link, inotify, fanotify, tmp] {
        close(descriptor);
    }
}

fn naming() {
    let data = openat(AT_FDCWD, c"/data", O_DIRECTORY);
    let name = |number: i64, path: &CStr| assert!(call(number, &[&path, &0o755]) >= 0);
    expect("link", "Change", b"/data/file", "/", "-", "ok");
    case!("link" Create (c"/data/linked", "/", "-", "ok") = 86 [&c"/data/file", &c"/data/linked"]);
    expect("linkat", "Change", b"link", "/data", "-", "ok");
    case!("linkat" Create (c"/data/linked-at", "/", "-", "ok") = 265 [&data, &c"link", &-7, &c"/data/linked-at", &AT_SYMLINK_FOLLOW]);
    expect("rename", "Remove", b"/data/linked", "/", "-", "ok");
    case!("rename" Create (c"/data/renamed", "/", "-", "ok") = 82 [&c"/data/linked", &c"/data/renamed"]);
    expect("renameat", "Remove", b"renamed", "/data", "-", "ok");
    case!("renameat" Create (c"dir/renamed", "/data", "-", "ok") = 264 [&data, &c"renamed", &data, &c"dir/renamed"]);
    expect("renameat2", "Remove", b"dir/renamed", "/data", "-", "-17");
    case!("renameat2" Create (c"linked-at", "/data", "-", "-17") = 316 [&data, &c"dir/renamed", &data, &c"linked-at", &1]);
    case!("unlink" Remove (c"/data/dir/renamed", "/", "-", "ok") = 87 [&c"/data/dir/renamed"]);
    case!("unlink" Remove (c"/data/dir/renamed", "/", "-", "-2") = 87 [&c"/data/dir/renamed"]);
    case!("unlinkat" Remove (c"linked-at", "/data", "-", "ok") = 263 [&data, &c"linked-at", &0]);
    case!("mkdir" Create (c"/data/made", "/", "-", "ok") = 83 [&c"/data/made", &0o755]);
    case!("mkdirat" Create (c"made/inside", "/data", "-", "ok") = 258 [&data, &c"made/inside", &0o755]);
    case!("rmdir" Remove (c"/data/made", "/", "-", "-39") = 84 [&c"/data/made"]);
    case!("unlinkat" Remove (c"made/inside", "/data", "-", "ok") = 263 [&data, &c"made/inside", &0x200]);
    case!("symlink" Create (c"/data/symbolic", "/", "-", "ok") = 88 [&c"not/a/path", &c"/data/symbolic"]);
    case!("symlinkat" Create (c"symbolic-at", "/data", "-", "ok") = 266 [&c"not/a/path", &data, &c"symbolic-at"]);
    case!("mknod" Create (c"/data/fifo", "/", "-", "ok") = 133 [&c"/data/fifo", &0o010_644, &0]);
    case!("mknodat" Create (c"fifo-at", "/data", "-", "ok") = 259 [&data, &c"fifo-at", &0o010_644, &0]);
    // A directory that was moved has its new path.
    name(83, c"/data/before");
    let moved = openat(AT_FDCWD, c"/data/before", O_DIRECTORY);
    assert_eq!(call(82, &[&c"/data/before", &c"/data/after"]), 0);
    case!("openat" Open (c"missing", "/data/after", "-", "-2") = 257 [&moved, &c"missing", &0]);
    close(moved);
    close(data);
}

fn changing() {
    let data = openat(AT_FDCWD, c"/data", O_DIRECTORY);
    let created = openat(AT_FDCWD, c"/data/created", 0);
    let file = c"/data/created";
    case!("truncate" Change (file, "/", "-", "ok") = 76 [&file, &0]);
    case!("chmod" Change (file, "/", "-", "ok") = 90 [&file, &0o644]);
    case!("fchmodat" Change (c"created", "/data", "-", "ok") = 268 [&data, &c"created", &0o644]);
    case!("fchmodat2" Change (c"created", "/data", "-", "*") = 452 [&data, &c"created", &0o644, &AT_SYMLINK_NOFOLLOW]);
    case!("chown" Change (file, "/", "-", "ok") = 92 [&file, &0, &0]);
    case!("lchown" Change (c"/data/link", "/", "-", "ok") = 94 [&c"/data/link", &0, &0]);
    case!("fchownat" Change (c"created", "/data", "-", "ok") = 260 [&data, &c"created", &0, &0, &0]);
    case!("fchownat" Change (c"", "/data/created", "-", "ok") = 260 [&created, &c"", &0, &0, &AT_EMPTY_PATH]);
    case!("utime" Change (file, "/", "-", "ok") = 132 [&file, &0]);
    case!("utimes" Change (file, "/", "-", "ok") = 235 [&file, &0]);
    case!("futimesat" Change (c"created", "/data", "-", "ok") = 261 [&data, &c"created", &0]);
    case!("utimensat" Change (c"created", "/data", "-", "ok") = 280 [&data, &c"created", &0, &0]);
    case!("utimensat" Change (c"", "/data/created", "-", "ok") = 280 [&created, &0, &0, &0]);
    let (name, value) = (c"user.minifier", c"value");
    case!("setxattr" Change (file, "/", "-", "*") = 188 [&file, &name, &value, &5, &0]);
    case!("removexattr" Change (file, "/", "-", "*") = 197 [&file, &name]);
    case!("lsetxattr" Change (file, "/", "-", "*") = 189 [&file, &name, &value, &5, &0]);
    case!("lremovexattr" Change (file, "/", "-", "*") = 198 [&file, &name]);
    case!("setxattrat" Change (c"created", "/data", "-", "*") = 463 [&data, &c"created", &0, &name, &words(&[value.as_ptr() as i64, 5]), &16]);
    case!("removexattrat" Change (c"created", "/data", "-", "*") = 466 [&data, &c"created", &0, &name]);
    case!("file_setattr" Change (c"created", "/data", "-", "*") = 469 [&data, &c"created", &room(), &24, &0]);
    close(data);
    close(created);
}

/// A `struct sockaddr_un` and its length.
fn address(path: &[u8], terminated: bool) -> [i64; 2] {
    let mut bytes = vec![1, 0];
    bytes.extend_from_slice(path);
    if terminated {
        bytes.push(0);
    }
    let length = bytes.len() as i64;
    [bytes.leak().as_ptr() as i64, length]
}

fn sockets() {
    let socket = |kind: i64| call(41, &[&1, &kind, &0]);
    let (stream, datagram) = (socket(1), socket(2));
    let [at, length] = address(b"/tmp/socket", true);
    case!("bind" Create (c"/tmp/socket", "/", "-", "ok") = 49 [&stream, &at, &length]);
    assert_eq!(call(50, &[&stream, &1]), 0);
    case!("connect" Connect (c"/tmp/socket", "/", "-", "ok") = 42 [&socket(1), &at, &length]);
    assert_eq!(call(80, &[&c"/tmp"]), 0);
    let [at, length] = address(b"socket", false);
    case!("connect" Connect (c"socket", "/tmp", "-", "ok") = 42 [&socket(1), &at, &length]);
    let [at, length] = address(b"/tmp/nobody", true);
    case!("connect" Connect (c"/tmp/nobody", "/", "-", "-2") = 42 [&socket(1), &at, &length]);
    // The longest path has no room for a NUL.
    let long = CString::new(format!("/tmp/{}", "s".repeat(103))).expect("path");
    let [at, length] = address(long.to_bytes(), false);
    case!("bind" Create (&long, "/", "-", "ok") = 49 [&datagram, &at, &length]);
    case!("sendto" Connect (&long, "/", "-", "ok") = 44 [&socket(2), &c"x", &1, &0, &at, &length]);
    let [at, length] = address(b"/tmp/no-datagram", true);
    let message = words(&[at, length, 0, 0, 0, 0, 0]);
    case!("sendmsg" Connect (c"/tmp/no-datagram", "/", "-", "-2") = 46 [&socket(2), &message, &0]);
    // No path: an abstract name.
    let [at, length] = address(b"\0abstract", false);
    assert_eq!(call(42, &[&socket(1), &at, &length]), -111);
    assert_eq!(call(80, &[&c"/data"]), 0);
}

fn processes() {
    std::thread::spawn(|| {
        case!("openat" Open (c"thread", "/data", "/data/thread", "ok") = 257 [&AT_FDCWD, &c"thread", &0]);
    })
    .join()
    .expect("thread");
    in_child(|| {
        in_child(|| {
            case!("open" Open (c"/data/grandchild", "/", "/data/grandchild", "ok") = 2 [&c"/data/grandchild", &0]);
            case!("chdir" ChangeDirectory (c"dirlink", "/data", "/data/dir", "ok") = 80 [&c"dirlink"]);
        });
    });
    // posix_spawn: a child that borrows the memory.
    expect("execve", "Execute", b"/conformance", "/", "/conformance", "ok");
    assert!(Command::new("/conformance").arg("nothing").status().expect("spawn").success());
    expect("execve", "Execute", b"dir/../program", "/data", "/conformance", "ok");
    in_child(|| exec(59, &[&c"dir/../program"]));
    // The script's own path, and its interpreter's.
    expect("execve", "Execute", b"/data/script", "/", "/conformance", "ok");
    expect("execve", "Execute", b"/conformance", "/", "-", "ok");
    in_child(|| exec(59, &[&c"/data/script"]));
    case!("execve" Execute (c"/data/absent", "/", "-", "-2") = 59 [&c"/data/absent", &0, &0]);
    case!("execve" Execute (c"/data/file", "/", "-", "-13") = 59 [&c"/data/file", &0, &0]);
    let program = openat(AT_FDCWD, c"/conformance", O_PATH);
    let path = format!("/dev/fd/{program}");
    expect("execve", "Execute", path.as_bytes(), "/", "/conformance", "ok");
    in_child(|| exec(322, &[&program, &c"", &words(&[0]), &words(&[0]), &AT_EMPTY_PATH]));
    case!("execveat" Execute (c"absent", "/data", "-", "-2") = 322 [&AT_FDCWD, &c"absent", &0, &0, &0]);
    close(program);
    // A thread that is not the first executes: it becomes the first.
    expect("openat", "Open", b"/data/from-thread", "/", "/data/from-thread", "ok");
    in_child(|| {
        let run = || -> i64 {
            let arguments = words(&[c"conformance".as_ptr() as i64, c"open".as_ptr() as i64, c"/data/from-thread".as_ptr() as i64, 0]);
            call(59, &[&c"/conformance", &arguments, &words(&[0])])
        };
        std::thread::spawn(run).join().expect("thread");
    });
}

fn exec(number: i64, arguments: &[&dyn Argument]) {
    let none = words(&[c"conformance".as_ptr() as i64, 0]);
    let mut all = arguments.to_vec();
    if all.len() == 1 {
        all.push(&none);
    }
    panic!("exec: {}", call(number, &all));
}

/// Runs something in a child process, which ends with it.
pub fn in_child(work: impl FnOnce()) {
    let pid = call(57, &[]);
    assert!(pid >= 0);
    if pid == 0 {
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        std::process::exit(i32::from(ended.is_err()));
    }
    let status = room();
    assert_eq!(call(61, &[&pid, &status, &0, &0]), pid);
    // SAFETY: the kernel has written the status there.
    assert_eq!(unsafe { *(status as *const i32) }, 0, "the child failed");
}

/// The path is in a page of a file that nobody has read yet: before the call, it is not in memory.
fn never_touched() {
    for index in 0..8 {
        let list = openat(AT_FDCWD, &CString::new(format!("/data/paths/{index}")).expect("path"), 0);
        let page = call(9, &[&0, &4096, &1, &2, &list, &0]);
        assert!(page > 0, "mmap: {page}");
        let path = format!("/data/untouched/{index}");
        expect("openat", "Open", path.as_bytes(), "/", &path, "ok");
        assert!(call(257, &[&AT_FDCWD, &page, &0]) >= 0);
        expect("newfstatat", "Look", path.as_bytes(), "/", "-", "ok");
        assert!(call(262, &[&AT_FDCWD, &page, &room(), &0]) >= 0);
        close(list);
    }
}

/// Twenty names of 199 bytes: a path of 4,000 bytes, and one that is a byte too long for the kernel.
fn long() {
    assert_eq!(call(80, &[&c"/"]), 0);
    let mut path = String::new();
    for index in 0..20 {
        let name = CString::new(format!("{index:02}{}", "n".repeat(197))).expect("name");
        path += &format!("/{}", name.to_str().expect("name"));
        assert_eq!(call(83, &[&name.as_c_str(), &0o755]), 0);
        assert_eq!(call(80, &[&name.as_c_str()]), 0);
    }
    assert_eq!(path.len(), 4000);
    let full = CString::new(path.clone()).expect("path");
    case!("open" Open (&full, "/", &path, "ok") = 2 [&full.as_c_str(), &0]);
    case!("open" Open (c".", &path, &path, "ok") = 2 [&c".", &0]);
    case!("stat" Look (&full, "/", "-", "ok") = 4 [&full.as_c_str(), &room()]);
    let too_long = CString::new(format!("/{}", "./".repeat(2048))).expect("path");
    assert_eq!(call(2, &[&too_long.as_c_str(), &0]), -36);
    assert_eq!(call(80, &[&c"/data"]), 0);
}

/// Other roots and mounts: paths are those of the mount namespace.
fn moved_roots() {
    in_child(|| {
        case!("chroot" ChangeDirectory (c"/data/jail", "-", "/data/jail", "ok") = 161 [&c"/data/jail"]);
        case!("open" Open (c"/inside", "/data/jail", "/data/jail/inside", "ok") = 2 [&c"/inside", &0]);
        case!("open" Open (c"/../../inside", "/data/jail", "/data/jail/inside", "ok") = 2 [&c"/../../inside", &0]);
        case!("stat" Look (c"file", "/data", "-", "ok") = 4 [&c"file", &room()]);
    });
    in_child(|| {
        // CLONE_NEWNS
        assert_eq!(call(272, &[&0x2_0000]), 0);
        case!("mount" Mount (c"/data/bound", "/", "-", "ok") = 165 [&c"tmpfs", &c"/data/bound", &c"tmpfs", &0, &0]);
        fs::write("/data/bound/new", "").expect("write");
        case!("open" Open (c"/data/bound/new", "/", "/data/bound/new", "ok") = 2 [&c"/data/bound/new", &0]);
        expect("mount", "Mount", b"/data/dir", "/", "-", "ok");
        case!("mount" Mount (c"/data/bound", "/", "-", "ok") = 165 [&c"/data/dir", &c"/data/bound", &0, &0x1000, &0]);
        case!("open" Open (c"/data/bound/inner", "/", "/data/bound/inner", "ok") = 2 [&c"/data/bound/inner", &0]);
        let tree = case!("open_tree" Look (c"/data/dir", "/", "-", "ok") = 428 [&AT_FDCWD, &c"/data/dir", &1]);
        // A clone of a tree that is mounted nowhere.
        case!("openat" Open (c"inner", "-", "-", "ok") = 257 [&tree, &c"inner", &0]);
        // MNT_DETACH: a file in it is open.
        case!("umount2" Mount (c"/data/bound", "/", "-", "ok") = 166 [&c"/data/bound", &2]);
        expect("pivot_root", "Mount", b"/data", "/", "-", "*");
        case!("pivot_root" Mount (c"/data/dir", "/", "-", "*") = 155 [&c"/data", &c"/data/dir"]);
    });
}
