//! [`KernelLayout`]: the kernel's structures and features, by its type information (BTF). Nothing is guessed by version:
//! distributions change structures within one.

use minifier_common::offsets as at;
use minifier_common::offsets::{
    COUNT, FILENAME_NAME, KIOCB_CMD, KIOCB_OPCODE, LIST, MISSING, REGS_NUMBER, TASK_COMPAT,
    URING_FLAGS, URING_SOCKET, URING_TABLE, URING_UNREADABLE, URING_WORDS,
};

use super::error::TraceError;
use super::types::Types;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct KernelLayout {
    /// Indexed by the constants of [`minifier_common::offsets`].
    pub(crate) offsets: [u32; COUNT],
    /// See [`URING_WORDS`].
    pub(crate) uring: [[u32; URING_WORDS]; URING_TABLE],
    /// The bit in [`TASK_COMPAT`].
    pub(crate) compat_mask: u32,
    /// Entries of `css_set.subsys`.
    pub(crate) controllers: u32,
    /// `bpf_get_current_task_btf` exists.
    pub(crate) typed_task: bool,
    /// `bpf_task_pt_regs` exists.
    pub(crate) task_registers: bool,
    /// Whether programs at `sys_exit` can be preempted: the kernel then skips them for other tasks on the same CPU.
    pub(crate) preemptible: bool,
    /// Tracepoint that shows io_uring requests; `None` if the kernel has none.
    pub(crate) uring_hook: Option<&'static str>,
}

/// Where an architecture keeps a system call's number and arguments when the call returns.
struct Registers {
    /// Members of `pt_regs`: number, then six arguments; with an index if the member is an array.
    members: [(&'static str, u32); 7],
    /// Member of `task_struct` and the bit in it that mark a call of the 32-bit table.
    compat: (&'static str, u32),
}

/// At the return, `ax` is the result; `orig_ax` is still the number. The bit is TS_COMPAT.
const X86_64: Registers = Registers {
    members: [
        ("orig_ax", 0),
        ("di", 0),
        ("si", 0),
        ("dx", 0),
        ("r10", 0),
        ("r8", 0),
        ("r9", 0),
    ],
    compat: ("thread_info.status", 2),
};

/// At the return, `regs[0]` is the result; `orig_x0` is still the first argument. The bit is TIF_32BIT.
const AARCH64: Registers = Registers {
    members: [
        ("syscallno", 0),
        ("orig_x0", 0),
        ("regs", 1),
        ("regs", 2),
        ("regs", 3),
        ("regs", 4),
        ("regs", 5),
    ],
    compat: ("thread_info.flags", 1 << 22),
};

/// An io_uring operation: its name, the structure of its arguments, the members with the paths and their `dirfd`
/// (empty for none), the member with the flags, the member with a socket address.
type UringOperation = (
    &'static str,
    &'static str,
    [[&'static str; 2]; 2],
    &'static str,
    &'static str,
);

const URING_OPERATIONS: &[UringOperation] = &[
    (
        "IORING_OP_OPENAT",
        "io_open",
        [["filename", "dfd"], ["", ""]],
        "how.flags",
        "",
    ),
    (
        "IORING_OP_OPENAT2",
        "io_open",
        [["filename", "dfd"], ["", ""]],
        "how.flags",
        "",
    ),
    (
        "IORING_OP_STATX",
        "io_statx",
        [["filename", "dfd"], ["", ""]],
        "flags",
        "",
    ),
    (
        "IORING_OP_RENAMEAT",
        "io_rename",
        [["oldpath", "old_dfd"], ["newpath", "new_dfd"]],
        "flags",
        "",
    ),
    (
        "IORING_OP_UNLINKAT",
        "io_unlink",
        [["filename", "dfd"], ["", ""]],
        "flags",
        "",
    ),
    (
        "IORING_OP_MKDIRAT",
        "io_mkdir",
        [["filename", "dfd"], ["", ""]],
        "",
        "",
    ),
    (
        "IORING_OP_SYMLINKAT",
        "io_link",
        [["newpath", "new_dfd"], ["", ""]],
        "",
        "",
    ),
    (
        "IORING_OP_LINKAT",
        "io_link",
        [["oldpath", "old_dfd"], ["newpath", "new_dfd"]],
        "flags",
        "",
    ),
    (
        "IORING_OP_SETXATTR",
        "io_xattr",
        [["filename", ""], ["", ""]],
        "",
        "",
    ),
    (
        "IORING_OP_GETXATTR",
        "io_xattr",
        [["filename", ""], ["", ""]],
        "",
        "",
    ),
    (
        "IORING_OP_CONNECT",
        "io_connect",
        [["", ""], ["", ""]],
        "",
        "addr",
    ),
];

/// Tracepoints with the request as their first argument, under its names since 6.3 and 5.18.
const URING_HOOKS: [&str; 2] = ["io_uring_submit_req", "io_uring_submit_sqe"];

/// Tracepoints without which nothing can be traced.
pub(crate) const HOOKS: [&str; 4] = [
    "sys_exit",
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
];

impl KernelLayout {
    /// Reads the layout from the kernel's types.
    pub(crate) fn of(types: &Types) -> Result<Self, TraceError> {
        let registers = match std::env::consts::ARCH {
            "x86_64" => X86_64,
            "aarch64" => AARCH64,
            _ => return Err(TraceError::Architecture),
        };
        // First, since a missing tracepoint says more than a missing member of its arguments.
        for hook in HOOKS {
            if !types.has_tracepoint(hook) {
                return Err(TraceError::Layout(format!("tracepoint {hook}")));
            }
        }
        let mut offsets = [MISSING; COUNT];
        for (offset, (structure, members, required)) in offsets.iter_mut().zip(LIST) {
            if structure.is_empty() {
                continue;
            }
            match types.offset(structure, members) {
                Some(found) => *offset = found,
                None if required => {
                    return Err(TraceError::Layout(format!("{structure}.{members}")));
                }
                None => {}
            }
        }
        for (slot, (member, index)) in offsets[REGS_NUMBER..].iter_mut().zip(registers.members) {
            let array = types
                .offset("pt_regs", member)
                .ok_or_else(|| TraceError::Layout(format!("pt_regs.{member}")))?;
            // Registers have eight bytes; on arm64 most are elements of one array.
            *slot = array + 8 * index;
        }
        if let Some(offset) = types.offset("task_struct", registers.compat.0) {
            offsets[TASK_COMPAT] = offset;
        }
        neighbours(types, &offsets)?;
        let controllers = types
            .array_length("css_set", "subsys")
            .ok_or_else(|| TraceError::Layout("css_set.subsys".into()))?;
        let helpers = types.enumerators("bpf_func_id");
        let readable = [FILENAME_NAME, KIOCB_OPCODE, KIOCB_CMD]
            .iter()
            .all(|&at| offsets[at] != MISSING);
        Ok(Self {
            uring: uring(types),
            compat_mask: registers.compat.1,
            controllers,
            typed_task: helpers.contains_key("BPF_FUNC_get_current_task_btf"),
            task_registers: helpers.contains_key("BPF_FUNC_task_pt_regs"),
            // The kernels that let programs at system call tracepoints be preempted got this function with that change.
            preemptible: types.has_function("trace_call_bpf_faultable"),
            uring_hook: URING_HOOKS
                .into_iter()
                // Before 5.18 the tracepoint has the name too, but not the request as its first argument.
                .find(|hook| readable && types.first_argument(hook).as_deref() == Some("io_kiocb")),
            offsets,
        })
    }
}

/// Checks the order of members that the kernel side reads in one call: each `bpf_probe_read_kernel` costs as much as the rest
/// of a step.
fn neighbours(types: &Types, offsets: &[u32; COUNT]) -> Result<(), TraceError> {
    let expected = [
        ("path.mnt first", types.offset("path", "mnt"), 0),
        ("path.dentry second", types.offset("path", "dentry"), 8),
        (
            "dentry.d_name behind d_parent",
            Some(offsets[at::DENTRY_HASH]),
            offsets[at::DENTRY_PARENT] + 8,
        ),
        (
            "dentry.d_name.name behind its hash",
            Some(offsets[at::DENTRY_NAME]),
            offsets[at::DENTRY_PARENT] + 16,
        ),
        (
            "mount.mnt_mountpoint behind mnt_parent",
            Some(offsets[at::MOUNT_POINT]),
            offsets[at::MOUNT_PARENT] + 8,
        ),
        (
            "mount.mnt behind mnt_mountpoint",
            Some(offsets[at::MOUNT_ROOT]),
            offsets[at::MOUNT_PARENT] + 16,
        ),
    ];
    for (what, found, offset) in expected {
        if found != Some(offset) {
            return Err(TraceError::Layout(what.into()));
        }
    }
    Ok(())
}

fn uring(types: &Types) -> [[u32; URING_WORDS]; URING_TABLE] {
    let numbers = types.enumerators("io_uring_op");
    let mut table = [[MISSING; URING_WORDS]; URING_TABLE];
    for (name, structure, paths, flags, socket) in URING_OPERATIONS {
        let Some(row) = numbers
            .get(*name)
            .and_then(|&number| table.get_mut(number as usize))
        else {
            continue;
        };
        // A pointer to the kernel's copy of the path, or to the caller's address with its length behind.
        let pointer = |member: &str| {
            types
                .pointer_offset(structure, member)
                .unwrap_or(URING_UNREADABLE)
        };
        for (which, [path, descriptor]) in paths.iter().enumerate() {
            if !path.is_empty() {
                row[2 * which] = pointer(path);
                row[2 * which + 1] = types.offset(structure, descriptor).unwrap_or(MISSING);
            }
        }
        row[URING_FLAGS] = types.offset(structure, flags).unwrap_or(MISSING);
        if !socket.is_empty() {
            let address = pointer(socket);
            // Read in one go by the kernel side, as far as they are neighbours.
            if types.offset(structure, "addr_len") == Some(address.wrapping_add(8)) {
                row[URING_SOCKET] = address;
            } else {
                row[0] = URING_UNREADABLE;
            }
        }
        // A rename of which only one path can be read is as good as none.
        if row[2] == URING_UNREADABLE {
            row[0] = URING_UNREADABLE;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the user side names the operations by are the kernel's.
    #[test]
    fn privileged_io_uring_operations_have_the_kernels_numbers() {
        let types = Types::read(&crate::trace::recorder::load::default_btf())
            .expect("the running kernel's types");
        let numbers = types.enumerators("io_uring_op");
        let expected = [
            ("OPENAT", 18),
            ("STATX", 21),
            ("OPENAT2", 28),
            ("RENAMEAT", 35),
            ("UNLINKAT", 36),
        ];
        for (name, number) in expected {
            assert_eq!(
                numbers.get(&format!("IORING_OP_{name}")),
                Some(&number),
                "{name}"
            );
        }
        let table = uring(&types);
        assert_ne!(table[18][0], MISSING);
        assert_eq!(table[0], [MISSING; URING_WORDS], "no path in a no-op");
    }
}
