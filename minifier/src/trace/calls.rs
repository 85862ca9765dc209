//! The system calls that take a path or look at one: their numbers, where their paths are, what they do with them.
//!
//! One table serves both sides: the kernel side gets a [`Class`] per number ([`classes`]), the user side turns a number
//! and its flags into an [`Operation`] ([`Call::operation`]). Numbers are from `arch/x86/entry/syscalls/syscall_64.tbl`
//! and `scripts/syscall.tbl` (arm64) of Linux 6.18.

use minifier_common::class::{Class, Shape, TABLE};

use minifier_common::decode::Record;

use super::Operation;

/// `AT_SYMLINK_NOFOLLOW`
const NO_FOLLOW: u32 = 0x100;
/// `AT_SYMLINK_FOLLOW`
const FOLLOW: u32 = 0x400;

/// What a call does with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Always the same.
    Plain(Operation),
    /// Looks, without following a last link where the flags have that bit.
    Look { no_follow: u32 },
    /// Looks, following a last link only where the flags have that bit.
    LookOnRequest { follow: u32 },
    /// As the flags of `open` say.
    Open,
}

use Operation::{
    Change, ChangeDirectory, Connect, Create, Execute, List, Look, LookNoFollow, Mount, OpenWrite,
    Remove,
};
use Rule::Plain;

/// One system call.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    x86_64: Option<u16>,
    aarch64: Option<u16>,
    class: Class,
    first: Rule,
    second: Rule,
}

impl Call {
    /// Its number on this machine, where it has one.
    pub const fn number(&self) -> Option<u16> {
        if cfg!(target_arch = "x86_64") {
            self.x86_64
        } else if cfg!(target_arch = "aarch64") {
            self.aarch64
        } else {
            None
        }
    }

    /// What it does with its path number `argument`, given its flags.
    pub fn operation(&self, argument: u8, detail: u32) -> Operation {
        let rule = if argument == 0 {
            self.first
        } else {
            self.second
        };
        match rule {
            Plain(operation) => operation,
            Rule::Look { no_follow } if detail & no_follow != 0 => LookNoFollow,
            Rule::LookOnRequest { follow } if detail & follow == 0 => LookNoFollow,
            Rule::Look { .. } | Rule::LookOnRequest { .. } => Look,
            Rule::Open => open_operation(detail),
        }
    }

    /// True where a success has moved the directory that the path started from.
    pub fn moves_base(&self) -> bool {
        matches!(self.name, "chdir" | "chroot" | "pivot_root")
    }

    /// True where the path is a mount source: a path for bind mounts only.
    pub fn is_mount_source(&self, argument: u8) -> bool {
        self.name == "mount" && argument == 0
    }
}

/// What an `open` with these flags does.
pub fn open_operation(flags: u32) -> Operation {
    use rustix::fs::OFlags;
    let flags = OFlags::from_bits_retain(flags);
    if flags.contains(OFlags::PATH) {
        if flags.contains(OFlags::NOFOLLOW) {
            LookNoFollow
        } else {
            Look
        }
    } else if flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC) {
        OpenWrite
    } else {
        Operation::Open
    }
}

/// The call with that number on this machine.
pub fn call(number: u16) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.number() == Some(number))
}

/// Number on this machine of a call by its name.
pub fn number(name: &str) -> Option<u16> {
    CALLS
        .iter()
        .chain(OTHERS)
        .find(|call| call.name == name)
        .and_then(Call::number)
}

/// What an io_uring request does (system call number, operation): it works as a system call does.
pub fn uring_operation(record: &Record<'_>) -> Option<(u16, Operation)> {
    let name = *URING.get(record.header.extra as usize)?;
    let call = CALLS.iter().find(|call| call.name == name)?;
    Some((
        number("io_uring_enter")?,
        call.operation(record.header.argument, record.header.detail),
    ))
}

/// The kernel side's table, all calls unseen.
pub fn classes() -> [u32; TABLE] {
    let mut table = [Class::UNSEEN; TABLE];
    for call in CALLS {
        if let Some(entry) = call
            .number()
            .and_then(|number| table.get_mut(usize::from(number)))
        {
            *entry |= call.class.0;
        }
    }
    table
}

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
) -> Call {
    Call {
        second: Plain(second),
        ..one(name, numbers, class, Plain(first))
    }
}

/// Numbers on x86-64 and arm64; [`NONE`] where the machine does not have the call.
const fn one(name: &'static str, [x86_64, aarch64]: [u16; 2], class: Class, first: Rule) -> Call {
    const fn some(number: u16) -> Option<u16> {
        if number == NONE { None } else { Some(number) }
    }
    Call {
        name,
        x86_64: some(x86_64),
        aarch64: some(aarch64),
        class,
        first,
        second: first,
    }
}

const NONE: u16 = u16::MAX;
const NO_PATH: u32 = minifier_common::class::NO_ARGUMENT;
const LOOK: Rule = Plain(Look);
const LOOK_NO_FOLLOW: Rule = Plain(LookNoFollow);
const LOOK_AT: Rule = Rule::Look {
    no_follow: NO_FOLLOW,
};

const CALLS: &[Call] = &[
    // Opening.
    one("open", [2, NONE], open(0).flags(1), Rule::Open),
    one("openat", [257, 56], open(1).at(0).flags(2), Rule::Open),
    one(
        "openat2",
        [437, 437],
        open(1).at(0).flags_behind(2),
        Rule::Open,
    ),
    one("creat", [85, NONE], open(0), Plain(OpenWrite)),
    one(
        "open_by_handle_at",
        [304, 265],
        open(NO_PATH).flags(2),
        Rule::Open,
    ),
    one("open_tree", [428, 428], open(1).at(0).flags(2), LOOK_AT),
    one(
        "open_tree_attr",
        [467, 467],
        open(1).at(0).flags(2),
        LOOK_AT,
    ),
    // Executing.
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
        Rule::LookOnRequest { follow: FOLLOW },
    ),
    // IN_DONT_FOLLOW
    one(
        "inotify_add_watch",
        [254, 27],
        path(1).flags(2),
        Rule::Look {
            no_follow: 0x0200_0000,
        },
    ),
    // FAN_MARK_DONT_FOLLOW
    one(
        "fanotify_mark",
        [301, 263],
        path(4).at(3).flags(1),
        Rule::Look { no_follow: 4 },
    ),
    one("quotactl", [179, 60], path(1), LOOK),
    // Working directory and root.
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

/// Calls without a path that have a part in tracing.
const OTHERS: &[Call] = &[
    one("exit", [60, 93], Class(0), LOOK),
    one("exit_group", [231, 94], Class(0), LOOK),
    one("rt_sigreturn", [15, 139], Class(0), LOOK),
    one("io_uring_setup", [425, 425], Class(0), LOOK),
    one("io_uring_enter", [426, 426], Class(0), LOOK),
];

/// The system call that each io_uring operation works as, by operation code (`enum io_uring_op`); empty where it takes
/// no path.
const URING: [&str; 45] = {
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
