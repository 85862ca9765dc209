//! The offsets of kernel structures that the kernel side needs. The user side reads them from the running kernel's BTF and
//! passes them as one read-only array, indexed by the constants here.

macro_rules! offsets {
    ($($(#[$doc:meta])* $name:ident = $type:literal $path:literal $need:ident;)*) => {
        offsets!(@constants 0usize; $($(#[$doc])* $name)*);

        /// For each index: structure, members from the outside in, whether tracing is impossible without it. If the
        /// structure is empty, the offset depends on the architecture.
        #[cfg(feature = "user")]
        pub const LIST: [(&str, &str, bool); COUNT] = [$(($type, $path, offsets!(@need $need)),)*];
    };
    (@constants $at:expr; $(#[$doc:meta])* $name:ident $($rest:tt)*) => {
        $(#[$doc])*
        pub const $name: usize = $at;
        offsets!(@constants $at + 1; $($rest)*);
    };
    (@constants $at:expr;) => {
        /// Length of the array.
        pub const COUNT: usize = $at;
    };
    (@need required) => { true };
    (@need optional) => { false };
}

/// In place of an offset that this kernel does not have.
pub const MISSING: u32 = u32::MAX;

offsets! {
    /// Open files.
    TASK_FILES = "task_struct" "files" required;
    /// Root and working directory.
    TASK_FS = "task_struct" "fs" required;
    /// Namespaces.
    TASK_NSPROXY = "task_struct" "nsproxy" required;
    /// Memory.
    TASK_MM = "task_struct" "mm" required;
    /// Parent.
    TASK_REAL_PARENT = "task_struct" "real_parent" required;
    /// Thread id in the first pid namespace.
    TASK_PID = "task_struct" "pid" required;
    /// Thread group id in the first pid namespace.
    TASK_TGID = "task_struct" "tgid" required;
    /// Control groups.
    TASK_CGROUPS = "task_struct" "cgroups" required;
    /// What the threads of a process share.
    TASK_SIGNAL = "task_struct" "signal" required;
    /// Number of threads alive.
    SIGNAL_LIVE = "signal_struct" "live.counter" required;
    /// Table of open files.
    FILES_FDT = "files_struct" "fdt" required;
    /// Its length.
    FDT_MAX_FDS = "fdtable" "max_fds" required;
    /// Its entries.
    FDT_FD = "fdtable" "fd" required;
    /// Path of an open file: mount, then dentry.
    FILE_PATH = "file" "f_path" required;
    /// Working directory: mount, then dentry.
    FS_PWD = "fs_struct" "pwd" required;
    /// Root: mount, then dentry.
    FS_ROOT = "fs_struct" "root" required;
    /// Parent directory; hash with length and the name follow.
    DENTRY_PARENT = "dentry" "d_parent" required;
    /// Hash and length of the name.
    DENTRY_HASH = "dentry" "d_name.hash_len" required;
    /// Name.
    DENTRY_NAME = "dentry" "d_name.name" required;
    /// Null if the dentry is not hashed (removed).
    DENTRY_PPREV = "dentry" "d_hash.pprev" required;
    /// Mount above; mount point, then root of the mount follow.
    MOUNT_PARENT = "mount" "mnt_parent" required;
    /// Where it is mounted.
    MOUNT_POINT = "mount" "mnt_mountpoint" required;
    /// The `struct vfsmount` inside.
    MOUNT_VFS = "mount" "mnt" required;
    /// Root of the mounted tree.
    MOUNT_ROOT = "mount" "mnt.mnt_root" required;
    /// Namespace that it is mounted in.
    MOUNT_NS = "mount" "mnt_ns" required;
    /// Mount namespace of a task.
    NSPROXY_MNT = "nsproxy" "mnt_ns" required;
    /// Its inode number.
    MNTNS_INUM = "mnt_namespace" "ns.inum" required;
    /// The executable.
    MM_EXE = "mm_struct" "exe_file" required;
    /// Path given to `execve`.
    BPRM_FILENAME = "linux_binprm" "filename" required;
    /// Path that is really loaded: the interpreter of a script, otherwise the same.
    BPRM_INTERP = "linux_binprm" "interp" required;
    /// Control group of the unified hierarchy.
    CSS_SET_DEFAULT = "css_set" "dfl_cgrp" required;
    /// States per controller.
    CSS_SET_SUBSYS = "css_set" "subsys" required;
    /// Control group of a state.
    CSS_CGROUP = "cgroup_subsys_state" "cgroup" required;
    /// State above.
    CSS_PARENT = "cgroup_subsys_state" "parent" required;
    /// A control group's own state.
    CGROUP_SELF = "cgroup" "self" required;
    /// Directory of a control group.
    CGROUP_KN = "cgroup" "kn" required;
    /// Its name.
    KN_NAME = "kernfs_node" "name" required;
    /// Its inode number.
    KN_ID = "kernfs_node" "id" required;
    /// Hierarchy of a control group.
    CGROUP_ROOT = "cgroup" "root" required;
    /// Number of a hierarchy.
    ROOT_HIERARCHY = "cgroup_root" "hierarchy_id" required;
    /// System call number.
    REGS_NUMBER = "" "" required;
    /// First argument.
    REGS_ARGUMENT_0 = "" "" required;
    /// Second argument.
    REGS_ARGUMENT_1 = "" "" required;
    /// Third argument.
    REGS_ARGUMENT_2 = "" "" required;
    /// Fourth argument.
    REGS_ARGUMENT_3 = "" "" required;
    /// Fifth argument.
    REGS_ARGUMENT_4 = "" "" required;
    /// Sixth argument.
    REGS_ARGUMENT_5 = "" "" required;
    /// Flags that a file was opened with.
    FILE_FLAGS = "file" "f_flags" optional;
    /// Where a task in a 32-bit system call is marked.
    TASK_COMPAT = "" "" optional;
    /// Kernel copy of a path.
    FILENAME_NAME = "filename" "name" optional;
    /// Operation of an io_uring request.
    KIOCB_OPCODE = "io_kiocb" "opcode" optional;
    /// Arguments of an io_uring request.
    KIOCB_CMD = "io_kiocb" "cmd" optional;
}

/// Length of the table of io_uring operations.
pub const URING_TABLE: usize = 64;

/// Words per io_uring operation: path and `dirfd` of the first path, of the second path, flags, address of a socket;
/// offsets from the request's arguments or [`MISSING`]. A request whose first word is [`URING_UNREADABLE`] takes a path
/// that cannot be read on this kernel.
pub const URING_WORDS: usize = 6;

/// See [`URING_WORDS`].
pub const URING_UNREADABLE: u32 = u32::MAX - 1;

/// Index of the flags in a row.
pub const URING_FLAGS: usize = 4;

/// Index of the socket address in a row.
pub const URING_SOCKET: usize = 5;
