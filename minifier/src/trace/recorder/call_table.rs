//! The table of [`super::calls`]. Numbers are from `arch/x86/entry/syscalls/syscall_64.tbl` and `scripts/syscall.tbl`
//! (arm64) of Linux 6.18.

use minifier_common::class::{Class, NO_ARGUMENT as NO_PATH, Shape};

use super::call::{FOLLOW, NO_FOLLOW, PathRule, SystemCall};
use crate::trace::model::Operation;
use crate::trace::model::Operation::{
    Change, ChangeDirectory, Connect, Create, Execute, List, Look, LookNoFollow, Mount, OpenWrite,
    Remove,
};
use PathRule::Plain;

const fn path(argument: u32) -> Class {
    Class::new(Shape::Path, argument)
}

const fn open(argument: u32) -> Class {
    Class::new(Shape::Open, argument)
}

const fn two(
    name: &'static str,
    numbers: [u16; 2],
    class: Class,
    first: Operation,
    second: Operation,
) -> SystemCall {
    SystemCall {
        second: Plain(second),
        ..one(name, numbers, class, Plain(first))
    }
}

/// A call with one path. Numbers on x86-64 and arm64; [`NONE`] if the machine does not have the call.
const fn one(
    name: &'static str,
    [x86_64, aarch64]: [u16; 2],
    class: Class,
    first: PathRule,
) -> SystemCall {
    const fn some(number: u16) -> Option<u16> {
        if number == NONE { None } else { Some(number) }
    }
    SystemCall {
        name,
        x86_64: some(x86_64),
        aarch64: some(aarch64),
        class,
        first,
        second: first,
    }
}

const NONE: u16 = u16::MAX;
const LOOK: PathRule = Plain(Look);
const LOOK_NO_FOLLOW: PathRule = Plain(LookNoFollow);
const LOOK_AT: PathRule = PathRule::Look {
    no_follow: NO_FOLLOW,
};

pub(crate) const CALLS: &[SystemCall] = &[
    // Opening.
    one("open", [2, NONE], open(0).flags(1), PathRule::Open),
    one("openat", [257, 56], open(1).at(0).flags(2), PathRule::Open),
    one(
        "openat2",
        [437, 437],
        open(1).at(0).flags_behind(2),
        PathRule::Open,
    ),
    one("creat", [85, NONE], open(0), Plain(OpenWrite)),
    // The path went into name_to_handle_at, perhaps of another process: only the file that was reached is known.
    one(
        "open_by_handle_at",
        [304, 265],
        open(NO_PATH).flags(2),
        PathRule::Open,
    ),
    one("open_tree", [428, 428], open(1).at(0).flags(2), LOOK_AT),
    one(
        "open_tree_attr",
        [467, 467],
        open(1).at(0).flags(2),
        LOOK_AT,
    ),
    // Executing. After a success, the registers are those of the new program: sched_process_exec has the path.
    one("execve", [59, 221], path(0).failures_only(), Plain(Execute)),
    one(
        "execveat",
        [322, 281],
        path(1).at(0).flags(4).failures_only(),
        Plain(Execute),
    ),
    one("uselib", [134, NONE], path(0), Plain(Execute)),
    // Looking.
    one("stat", [4, NONE], path(0), LOOK),
    one("lstat", [6, NONE], path(0), LOOK_NO_FOLLOW),
    one("newfstatat", [262, 79], path(1).at(0).flags(3), LOOK_AT),
    one("statx", [332, 291], path(1).at(0).flags(2), LOOK_AT),
    one("access", [21, NONE], path(0), LOOK),
    one("faccessat", [269, 48], path(1).at(0), LOOK),
    one("faccessat2", [439, 439], path(1).at(0).flags(3), LOOK_AT),
    one("readlink", [89, NONE], path(0), LOOK_NO_FOLLOW),
    one("readlinkat", [267, 78], path(1).at(0), LOOK_NO_FOLLOW),
    one("statfs", [137, 43], path(0), LOOK),
    one("getxattr", [191, 8], path(0), LOOK),
    one("lgetxattr", [192, 9], path(0), LOOK_NO_FOLLOW),
    one("listxattr", [194, 11], path(0), LOOK),
    one("llistxattr", [195, 12], path(0), LOOK_NO_FOLLOW),
    one("getxattrat", [464, 464], path(1).at(0).flags(2), LOOK_AT),
    one("listxattrat", [465, 465], path(1).at(0).flags(2), LOOK_AT),
    one("file_getattr", [468, 468], path(1).at(0).flags(4), LOOK_AT),
    one(
        "name_to_handle_at",
        [303, 264],
        path(1).at(0).flags(4),
        PathRule::LookOnRequest { follow: FOLLOW },
    ),
    // IN_DONT_FOLLOW has a value of its own.
    one(
        "inotify_add_watch",
        [254, 27],
        path(1).flags(2),
        PathRule::Look {
            no_follow: 0x0200_0000,
        },
    ),
    // So has FAN_MARK_DONT_FOLLOW.
    one(
        "fanotify_mark",
        [301, 263],
        path(4).at(3).flags(1),
        PathRule::Look { no_follow: 4 },
    ),
    one("quotactl", [179, 60], path(1), LOOK),
    // Working directory and root. Every chdir is recorded, not only the first to a path: the assembler follows them.
    one(
        "chdir",
        [80, 49],
        Class::new(Shape::WorkingDirectory, 0).every_time(),
        Plain(ChangeDirectory),
    ),
    one(
        "fchdir",
        [81, 50],
        Class::new(Shape::WorkingDirectory, NO_PATH).every_time(),
        Plain(ChangeDirectory),
    ),
    one(
        "chroot",
        [161, 51],
        Class::new(Shape::Root, 0),
        Plain(ChangeDirectory),
    ),
    two("pivot_root", [155, 41], path(0).second(1), Mount, Mount),
    // Listing.
    one(
        "getdents",
        [78, NONE],
        Class::new(Shape::Descriptor, 0),
        Plain(List),
    ),
    one(
        "getdents64",
        [217, 61],
        Class::new(Shape::Descriptor, 0),
        Plain(List),
    ),
    // Making and removing.
    two("link", [86, NONE], path(0).second(1), Change, Create),
    two(
        "linkat",
        [265, 37],
        path(1).at(0).second(3).second_at(2).flags(4),
        Change,
        Create,
    ),
    two("rename", [82, NONE], path(0).second(1), Remove, Create),
    two(
        "renameat",
        [264, 38],
        path(1).at(0).second(3).second_at(2),
        Remove,
        Create,
    ),
    two(
        "renameat2",
        [316, 276],
        path(1).at(0).second(3).second_at(2).flags(4),
        Remove,
        Create,
    ),
    one("unlink", [87, NONE], path(0), Plain(Remove)),
    one("unlinkat", [263, 35], path(1).at(0).flags(2), Plain(Remove)),
    one("rmdir", [84, NONE], path(0), Plain(Remove)),
    one("symlink", [88, NONE], path(1), Plain(Create)),
    one("symlinkat", [266, 36], path(2).at(1), Plain(Create)),
    one("mknod", [133, NONE], path(0), Plain(Create)),
    one("mknodat", [259, 33], path(1).at(0), Plain(Create)),
    one("mkdir", [83, NONE], path(0), Plain(Create)),
    one("mkdirat", [258, 34], path(1).at(0), Plain(Create)),
    // Changing.
    one("truncate", [76, 45], path(0), Plain(Change)),
    one("chmod", [90, NONE], path(0), Plain(Change)),
    one("fchmodat", [268, 53], path(1).at(0), Plain(Change)),
    one(
        "fchmodat2",
        [452, 452],
        path(1).at(0).flags(3),
        Plain(Change),
    ),
    one("chown", [92, NONE], path(0), Plain(Change)),
    one("lchown", [94, NONE], path(0), Plain(Change)),
    one("fchownat", [260, 54], path(1).at(0).flags(4), Plain(Change)),
    one("utime", [132, NONE], path(0), Plain(Change)),
    one("utimes", [235, NONE], path(0), Plain(Change)),
    one("futimesat", [261, NONE], path(1).at(0), Plain(Change)),
    one(
        "utimensat",
        [280, 88],
        path(1).at(0).flags(3),
        Plain(Change),
    ),
    one("setxattr", [188, 5], path(0), Plain(Change)),
    one("lsetxattr", [189, 6], path(0), Plain(Change)),
    one("removexattr", [197, 14], path(0), Plain(Change)),
    one("lremovexattr", [198, 15], path(0), Plain(Change)),
    one(
        "setxattrat",
        [463, 463],
        path(1).at(0).flags(2),
        Plain(Change),
    ),
    one(
        "removexattrat",
        [466, 466],
        path(1).at(0).flags(2),
        Plain(Change),
    ),
    one(
        "file_setattr",
        [469, 469],
        path(1).at(0).flags(4),
        Plain(Change),
    ),
    one("acct", [163, 89], path(0), Plain(OpenWrite)),
    one("swapon", [167, 224], path(0), Plain(OpenWrite)),
    one("swapoff", [168, 225], path(0), Plain(Change)),
    // Sockets with a name in the file system.
    one(
        "connect",
        [42, 203],
        Class::new(Shape::Socket, 1),
        Plain(Connect),
    ),
    one(
        "bind",
        [49, 200],
        Class::new(Shape::Socket, 1),
        Plain(Create),
    ),
    one(
        "sendto",
        [44, 206],
        Class::new(Shape::Socket, 4),
        Plain(Connect),
    ),
    one(
        "sendmsg",
        [46, 211],
        Class::new(Shape::Message, 1),
        Plain(Connect),
    ),
    // Mounting.
    two("mount", [165, 40], path(0).second(1).flags(3), Mount, Mount),
    one("umount2", [166, 39], path(0).flags(1), Plain(Mount)),
    two(
        "move_mount",
        [429, 429],
        path(1).at(0).second(3).second_at(2).flags(4),
        Mount,
        Mount,
    ),
    one("fspick", [433, 433], path(1).at(0).flags(2), Plain(Mount)),
    one(
        "mount_setattr",
        [442, 442],
        path(1).at(0).flags(2),
        Plain(Mount),
    ),
];

/// Calls without a path whose numbers are needed.
pub(crate) const OTHERS: &[SystemCall] = &[
    one("exit", [60, 93], Class(0), LOOK),
    one("exit_group", [231, 94], Class(0), LOOK),
    one("rt_sigreturn", [15, 139], Class(0), LOOK),
    one("io_uring_setup", [425, 425], Class(0), LOOK),
    one("io_uring_enter", [426, 426], Class(0), LOOK),
];

/// The system call that each io_uring operation works as, by operation code (`enum io_uring_op`); empty if it takes
/// no path.
pub(crate) const URING: [&str; 45] = {
    let mut names = [""; 45];
    names[16] = "connect";
    names[18] = "openat";
    names[21] = "statx";
    names[28] = "openat2";
    names[35] = "renameat2";
    names[36] = "unlinkat";
    names[37] = "mkdirat";
    names[38] = "symlinkat";
    names[39] = "linkat";
    names[42] = "setxattr";
    names[44] = "getxattr";
    names
};
