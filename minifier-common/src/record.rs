//! The records of the ring buffer: a [`Header`], then the requested path, then the components of the base, then
//! those of the resolved path, without padding.
//!
//! Components come leaf first, each with a NUL behind it: the kernel side walks upwards. No component means the root.

/// Longest path that a system call takes, its NUL included.
pub const PATH_MAX: usize = 4096;

/// Most bytes of components of one record (base and resolved path together).
pub const COMPONENTS_MAX: usize = 3 * PATH_MAX;

/// Most steps of one walk: components and mounts crossed.
pub const STEPS_MAX: usize = 128;

/// Most tasks of a container that are followed at a time.
pub const TASKS_MAX: u32 = 65_536;

/// Size of the [`Header`] in bytes.
pub const HEADER: usize = size_of::<Header>();

/// Start of every record, in the machine's byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Header {
    /// `bpf_ktime_get_ns` when the call returned.
    pub time: u64,
    /// Result of the call.
    pub result: i32,
    /// The call's flags (of `open`, `AT_*`), 0 if it has none.
    pub detail: u32,
    /// Thread group id of the process (of a [`kind::FORK`]: of the child).
    pub tgid: u32,
    /// Thread group id of its parent.
    pub parent: u32,
    /// [`kind::FORK`]: thread group id of the process that forked. [`kind::SEED`]: inode number of the mount
    /// namespace. [`kind::URING`]: operation code.
    pub extra: u32,
    /// System call number.
    pub syscall: u16,
    /// See [`kind`].
    pub kind: u8,
    /// Which of the call's paths.
    pub argument: u8,
    /// See [`flag`].
    pub flags: u16,
    /// Bytes of the requested path.
    pub path_length: u16,
    /// Bytes of the base's components.
    pub base_length: u16,
    /// Bytes of the resolved path's components.
    pub resolved_length: u16,
}

/// [`Header::kind`].
pub mod kind {
    /// A path given to a system call.
    pub const ACCESS: u8 = 1;
    /// A successful `execve`: the path asked for and the executable.
    pub const EXECUTE: u8 = 2;
    /// The interpreter that a script names.
    pub const INTERPRETER: u8 = 3;
    /// A new process.
    pub const FORK: u8 = 4;
    /// A task that came into scope by itself: the container's first process, or one that joined it. The base is its
    /// working directory.
    pub const SEED: u8 = 5;
    /// A system call number seen for the first time.
    pub const SYSCALL: u8 = 6;
    /// A path given to an io_uring request.
    pub const URING: u8 = 7;
    /// A file that was opened, seen inside the kernel. It has a resolved path only; the system call is [`UNKNOWN_CALL`] if
    /// it is not known.
    pub const OPENED: u8 = 8;

    /// In place of a system call number.
    pub const UNKNOWN_CALL: u16 = u16::MAX;
}

/// [`Header::flags`].
pub mod flag {
    /// A base was looked for.
    pub const BASE: u16 = 1;
    /// The base could not be read.
    pub const BASE_LOST: u16 = 1 << 1;
    /// The base is no path: removed, unmounted, or not a file of a mounted file system (pipe, socket).
    pub const BASE_DETACHED: u16 = 1 << 2;
    /// A resolved path was looked for.
    pub const RESOLVED: u16 = 1 << 3;
    /// The resolved path could not be read.
    pub const RESOLVED_LOST: u16 = 1 << 4;
    /// The resolved file has no path.
    pub const RESOLVED_DETACHED: u16 = 1 << 5;
    /// The requested path could not be read.
    pub const PATH_LOST: u16 = 1 << 6;
}

/// Hooks, in the order of the counters.
pub mod hook {
    /// `sys_exit`
    pub const SYS_EXIT: u32 = 0;
    /// `sched_process_fork`
    pub const FORK: u32 = 1;
    /// `sched_process_exec`
    pub const EXEC: u32 = 2;
    /// `sched_process_exit`
    pub const EXIT: u32 = 3;
    /// `io_uring_submit_req`
    pub const URING: u32 = 4;
    /// `security_file_open` or `file_open`
    pub const OPENED: u32 = 5;
    /// Number of hooks.
    pub const COUNT: u32 = 6;
}

/// How many copies of each hook's program there are, see the kernel side's `turns`.
pub mod copies {
    use super::hook;

    /// Most of one hook.
    pub const MOST: u32 = 4;

    /// Number of copies of one hook's program: more for the hooks at which tasks are most of the time.
    pub const fn of(hook: u32) -> u32 {
        match hook {
            hook::SYS_EXIT | hook::OPENED => MOST,
            _ => 2,
        }
    }
}

/// Slots of the programs. Each program builds its records in a slot of its own, since on some kernels another may preempt it.
pub mod slot {
    use super::{copies, hook};

    /// The program of a hook; its copies follow it.
    pub const fn of(hook: u32) -> u32 {
        match hook.checked_sub(1) {
            Some(before) => of(before) + copies::of(before),
            None => 0,
        }
    }

    /// Number of slots.
    pub const COUNT: u32 = of(hook::COUNT);
}

/// Indices into the counters (a per-CPU array).
pub mod counter {
    use super::hook;

    /// Events of the container: this plus the hook.
    pub const SEEN: u32 = 0;
    /// Records that the ring buffer had no room for: this plus the hook.
    pub const LOST: u32 = hook::COUNT;
    /// Requested paths that could not be read.
    pub const PATH_LOST: u32 = 2 * hook::COUNT;
    /// Bases or resolved paths that could not be read, or not whole.
    pub const WALK_LOST: u32 = PATH_LOST + 1;
    /// Calls of another architecture's table (ia32, x32).
    pub const FOREIGN: u32 = PATH_LOST + 2;
    /// io_uring requests that take a path which could not be read.
    pub const URING_LOST: u32 = PATH_LOST + 3;
    /// Tasks that were left out because their control group has the container's name and is not the container's.
    pub const NAMESAKE: u32 = PATH_LOST + 4;
    /// Tasks of the container that are not followed: there are [`TASKS_MAX`](super::TASKS_MAX) already.
    pub const UNFOLLOWED: u32 = PATH_LOST + 5;
    /// Events for which every copy of the program may have been busy: this plus the hook.
    pub const CROWDED: u32 = PATH_LOST + 6;
    /// Number of counters.
    pub const COUNT: u32 = CROWDED + hook::COUNT;
}

/// Elements of the map `OPENED_PROBE`, with which the user side tests whether the second source fires.
pub mod probe {
    /// Thread id whose opens are only counted.
    pub const THREAD: u32 = 0;
    /// How many there were.
    pub const FIRED: u32 = 1;
    /// Number of elements.
    pub const COUNT: u32 = 2;
}

/// A control group among all on the host (the key of the map `GROUPS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct Group {
    /// Inode number of its directory, never 0.
    pub inode: u64,
    /// Number of its hierarchy, 0 for that of version 2: inode numbers are those of one hierarchy.
    pub hierarchy: u64,
}

impl Group {
    /// No group.
    pub const NONE: Self = Self {
        inode: 0,
        hierarchy: 0,
    };

    /// No group either. As a key, it means that the container's groups are known and names do not count any more.
    pub const KNOWN: Self = Self {
        inode: 0,
        hierarchy: u64::MAX,
    };
}

/// Longest name of a control group that can be compared, in bytes (the key of the map `LEAVES`, padded with zeros).
pub const LEAF_MAX: usize = 128;
