//! [`Layout`]: the kernel's structures and abilities as its type information (BTF) describes them. Nothing is guessed by version.

use std::collections::BTreeMap;
use std::path::Path;

use btf_rs::{Btf, BtfType, Type};
use minifier_common::offsets as at;
use minifier_common::offsets::{
    COUNT, FILENAME_NAME, KIOCB_CMD, KIOCB_OPCODE, LIST, MISSING, REGS_NUMBER, TASK_COMPAT,
    URING_FLAGS, URING_SOCKET, URING_TABLE, URING_UNREADABLE, URING_WORDS,
};

use super::TraceError;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Indexed by the constants of [`minifier_common::offsets`].
    pub(super) offsets: [u32; COUNT],
    /// See [`URING_WORDS`].
    pub(super) uring: [[u32; URING_WORDS]; URING_TABLE],
    /// The bit in [`TASK_COMPAT`].
    pub(super) compat_mask: u32,
    /// Entries of `css_set.subsys`.
    pub(super) controllers: u32,
    /// `bpf_get_current_task_btf` exists.
    pub(super) typed_task: bool,
    /// `bpf_task_pt_regs` exists.
    pub(super) task_registers: bool,
    /// Tracepoint at which io_uring requests can be seen.
    pub(super) uring_hook: Option<&'static str>,
}

/// Where a machine keeps a system call's number and arguments at its return.
struct Registers {
    /// Members of `pt_regs`: number, then six arguments; an index where the member is an array.
    members: [(&'static str, u32); 7],
    /// Member of `task_struct` and the bit in it that mark a call of the 32-bit table.
    compat: (&'static str, u32),
}

/// `ax` holds the result already; `orig_ax` the number. TS_COMPAT.
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

/// `regs[0]` holds the result already; `orig_x0` the first argument. TIF_32BIT.
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
pub(super) const HOOKS: [&str; 4] = [
    "sys_exit",
    "sched_process_fork",
    "sched_process_exec",
    "sched_process_exit",
];

impl Layout {
    /// Reads the type information in the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, TraceError> {
        Self::of(&Types::read(path)?)
    }

    /// What the types say.
    pub(super) fn of(types: &Types) -> Result<Self, TraceError> {
        let registers = match std::env::consts::ARCH {
            "x86_64" => X86_64,
            "aarch64" => AARCH64,
            _ => return Err(TraceError::Architecture),
        };
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
            uring_hook: URING_HOOKS
                .into_iter()
                .find(|hook| readable && types.first_argument(hook).as_deref() == Some("io_kiocb")),
            offsets,
        })
    }
}

/// Members that the kernel side reads at once.
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
            if types.offset(structure, "addr_len") == Some(address.wrapping_add(8)) {
                row[URING_SOCKET] = address;
            } else {
                row[0] = URING_UNREADABLE;
            }
        }
        if row[2] == URING_UNREADABLE {
            row[0] = URING_UNREADABLE;
        }
    }
    table
}

/// The kernel's types.
pub(super) struct Types(Btf);

impl Types {
    /// Reads them from a file.
    pub(super) fn read(path: &Path) -> Result<Self, TraceError> {
        let bytes = std::fs::read(path).map_err(|source| TraceError::Btf {
            path: path.into(),
            source,
        })?;
        let btf = Btf::from_bytes(&bytes).map_err(|error| TraceError::BtfInvalid {
            path: path.into(),
            reason: error.to_string(),
        })?;
        Ok(Self(btf))
    }

    /// True where programs can be attached to the tracepoint by type.
    pub(super) fn has_tracepoint(&self, name: &str) -> bool {
        self.tracepoint(name).is_some()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = Type> {
        self.0
            .resolve_types_by_name(name)
            .unwrap_or_default()
            .into_iter()
    }

    fn tracepoint(&self, name: &str) -> Option<btf_rs::Typedef> {
        self.named(&format!("btf_trace_{name}"))
            .find_map(|found| match found {
                Type::Typedef(typedef) => Some(typedef),
                _ => None,
            })
    }

    /// Name of the structure that the tracepoint's first argument points to.
    fn first_argument(&self, tracepoint: &str) -> Option<String> {
        let Type::Ptr(pointer) = self
            .0
            .resolve_chained_type(&self.tracepoint(tracepoint)?)
            .ok()?
        else {
            return None;
        };
        let Type::FuncProto(prototype) = self.0.resolve_chained_type(&pointer).ok()? else {
            return None;
        };
        // The first parameter is the tracepoint's private data.
        let Type::Ptr(argument) = self.plain(prototype.parameters.get(1)?)? else {
            return None;
        };
        match self.plain(&argument)? {
            Type::Struct(structure) => self.0.resolve_name(&structure).ok(),
            _ => None,
        }
    }

    /// Offset of a member, given with its parents from the outside in, also inside unnamed members.
    pub(super) fn offset(&self, structure: &str, members: &str) -> Option<u32> {
        self.member(structure, members).map(|(offset, _)| offset)
    }

    fn pointer_offset(&self, structure: &str, member: &str) -> Option<u32> {
        match self.member(structure, member)? {
            (offset, Type::Ptr(_)) => Some(offset),
            _ => None,
        }
    }

    fn array_length(&self, structure: &str, member: &str) -> Option<u32> {
        match self.member(structure, member)? {
            (_, Type::Array(array)) => u32::try_from(array.len()).ok(),
            _ => None,
        }
    }

    fn member(&self, structure: &str, members: &str) -> Option<(u32, Type)> {
        if members.is_empty() {
            return None;
        }
        let mut found = (
            0,
            self.named(structure)
                .find(|found| matches!(found, Type::Struct(_)))?,
        );
        for name in members.split('.') {
            let (Type::Struct(outer) | Type::Union(outer)) = &found.1 else {
                return None;
            };
            let (offset, inner) = self.member_of(outer, name, 0)?;
            found = (found.0 + offset, inner);
        }
        Some(found)
    }

    fn member_of(&self, outer: &btf_rs::Struct, name: &str, depth: u32) -> Option<(u32, Type)> {
        for member in &outer.members {
            let offset = member.bit_offset() / 8;
            let member_name = self.0.resolve_name(member).ok()?;
            if member_name == name {
                return Some((offset, self.plain(member)?));
            }
            if member_name.is_empty()
                && depth < 8
                && let Some(Type::Struct(inner) | Type::Union(inner)) = self.plain(member)
                && let Some((inside, found)) = self.member_of(&inner, name, depth + 1)
            {
                return Some((offset + inside, found));
            }
        }
        None
    }

    /// The type that something has, without typedefs and qualifiers.
    fn plain(&self, what: &dyn BtfType) -> Option<Type> {
        let mut found = self.0.resolve_chained_type(what).ok()?;
        for _ in 0..16 {
            let next = match &found {
                Type::Typedef(inner) => self.0.resolve_chained_type(inner),
                Type::Const(inner) => self.0.resolve_chained_type(inner),
                Type::Volatile(inner) => self.0.resolve_chained_type(inner),
                Type::Restrict(inner) => self.0.resolve_chained_type(inner),
                Type::TypeTag(inner) => self.0.resolve_chained_type(inner),
                _ => return Some(found),
            };
            found = next.ok()?;
        }
        None
    }

    /// Names and values of an enumeration.
    fn enumerators(&self, name: &str) -> BTreeMap<String, u32> {
        let mut all = BTreeMap::new();
        for found in self.named(name) {
            if let Type::Enum(enumeration) = found {
                for member in &enumeration.members {
                    if let Ok(name) = self.0.resolve_name(member) {
                        all.insert(name, member.val());
                    }
                }
            }
        }
        all
    }
}
