//! [`SystemCall`]: one system call that takes a path: its number on each machine, where its paths are, what it does with them.

use minifier_common::class::Class;

use crate::trace::model::Operation;

/// `AT_SYMLINK_NOFOLLOW`
pub(crate) const NO_FOLLOW: u32 = 0x100;
/// `AT_SYMLINK_FOLLOW`
pub(crate) const FOLLOW: u32 = 0x400;

/// How the operation of a call follows from its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathRule {
    /// The same for all flags.
    Plain(Operation),
    /// Looks; a last link is followed unless the flags have that bit.
    Look { no_follow: u32 },
    /// Looks; a last link is followed only if the flags have that bit.
    LookOnRequest { follow: u32 },
    /// Opens, by the flags of `open`.
    Open,
}

/// One system call.
#[derive(Debug, Clone, Copy)]
pub struct SystemCall {
    /// Name as in the kernel's table.
    pub name: &'static str,
    pub(crate) x86_64: Option<u16>,
    pub(crate) aarch64: Option<u16>,
    pub(crate) class: Class,
    pub(crate) first: PathRule,
    pub(crate) second: PathRule,
}

impl SystemCall {
    /// Its number on this machine; `None` if the machine does not have the call.
    pub const fn number(&self) -> Option<u16> {
        if cfg!(target_arch = "x86_64") {
            self.x86_64
        } else if cfg!(target_arch = "aarch64") {
            self.aarch64
        } else {
            None
        }
    }

    /// The operation on path number `argument` (0 or 1), by the call's flags.
    pub fn operation(&self, argument: u8, detail: u32) -> Operation {
        let rule = if argument == 0 {
            self.first
        } else {
            self.second
        };
        match rule {
            PathRule::Plain(operation) => operation,
            PathRule::Look { no_follow } if detail & no_follow != 0 => Operation::LookNoFollow,
            PathRule::LookOnRequest { follow } if detail & follow == 0 => Operation::LookNoFollow,
            PathRule::Look { .. } | PathRule::LookOnRequest { .. } => Operation::Look,
            PathRule::Open => open_operation(detail),
        }
    }

    /// Whether a successful call has moved the directory that its path started from.
    pub fn moves_base(&self) -> bool {
        matches!(self.name, "chdir" | "chroot" | "pivot_root")
    }

    /// Whether the path is the source of a mount, which is a path only for bind mounts.
    pub fn is_mount_source(&self, argument: u8) -> bool {
        self.name == "mount" && argument == 0
    }
}

/// The operation of an `open` with these flags.
pub fn open_operation(flags: u32) -> Operation {
    use rustix::fs::OFlags;
    let flags = OFlags::from_bits_retain(flags);
    // O_PATH ignores the access mode: it finds the file, and neither reads nor writes it.
    if flags.contains(OFlags::PATH) {
        if flags.contains(OFlags::NOFOLLOW) {
            Operation::LookNoFollow
        } else {
            Operation::Look
        }
    } else if flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC) {
        Operation::OpenWrite
    } else {
        Operation::Open
    }
}

/// The operation of an open inside the kernel, by the flags of the file (`f_flags`).
pub(crate) fn kernel_open_operation(flags: u32) -> Operation {
    /// `FMODE_EXEC`: set by `execve`, and by the kernel for a program's interpreter.
    const EXECUTE: u32 = 0x20;
    if flags & EXECUTE != 0 {
        return Operation::Execute;
    }
    open_operation(flags)
}
