//! [`Trace`]: the recording as plain data, so that later stages need no kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::gap::Gap;
use crate::rootfs::ImagePath;

/// Everything recorded of one container.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Accesses to paths in the order of their time; repeated ones appear once, as first seen.
    pub accesses: Vec<Access>,
    /// The container's processes by pid (thread group id in the host's pid namespace).
    pub processes: BTreeMap<u32, Process>,
    /// Numbers of all system calls seen, of the machine's native table.
    pub syscalls: BTreeSet<u32>,
    /// The attached hooks with their counts, in a fixed order.
    pub hooks: Vec<HookStatus>,
    /// The opens inside the kernel, compared with those of system calls.
    pub second_source: SecondSource,
    /// Why something may be missing; empty for a complete trace.
    pub gaps: Vec<Gap>,
}

impl Trace {
    /// Whether nothing was lost and every hook that matters was attached.
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Events lost over all hooks but the second source, without which a trace is complete.
    pub fn lost(&self) -> u64 {
        let second = self.second_source.hook.as_deref();
        let hooks = self.hooks.iter();
        let first = hooks.filter(|hook| Some(hook.name.as_str()) != second);
        first.map(|hook| hook.lost).sum()
    }
}

/// One path that one system call was given, or that an `execve` loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Time since the start of the trace.
    pub time: Duration,
    /// Process (thread group id in the host's pid namespace); its [`Process`] is in the trace.
    pub pid: u32,
    /// System call number in the machine's native table; [`UNKNOWN_CALL`] if the kernel opened a file and the call is not
    /// known.
    pub syscall: u32,
    /// The effect of the call on the path.
    pub operation: Operation,
    /// The path as the program passed it: any bytes, relative or absolute, empty if a descriptor alone was named.
    pub requested: Vec<u8>,
    /// Where a relative `requested` starts (working directory or `dirfd`), or the process's root for an absolute one;
    /// already free of links. `None` if it could not be read.
    pub base: Option<ImagePath>,
    /// The path of the file that was really reached, from the root of the container's mount namespace and free of links;
    /// `None` unless the call opened, executed or listed it.
    pub resolved: Option<ImagePath>,
    /// The result of the call: 0 or more for success, otherwise a negated errno; `None` if it is not known (io_uring
    /// submissions).
    pub result: Option<i64>,
}

impl Access {
    /// Whether the call succeeded or its result is not known.
    pub fn succeeded(&self) -> bool {
        self.result.is_none_or(|result| result >= 0)
    }
}

/// The effect of a system call on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Opened for reading only.
    Open,
    /// Opened for writing, truncated or created.
    OpenWrite,
    /// Executed, or loaded by the kernel to execute something (script, interpreter).
    Execute,
    /// Looked at, links followed: stat, statx, access, statfs, getxattr, name_to_handle_at, inotify_add_watch.
    Look,
    /// Looked at without following a last link: lstat, readlink, lgetxattr, `AT_SYMLINK_NOFOLLOW`.
    LookNoFollow,
    /// Made the working directory or the root.
    ChangeDirectory,
    /// Listed (getdents64).
    List,
    /// Made: mkdir, mknod, symlink, the new name of link and rename, bind of a socket.
    Create,
    /// Removed or renamed away: unlink, rmdir, the old name of rename.
    Remove,
    /// Changed in place: truncate, chmod, chown, utimens, setxattr, the old name of link.
    Change,
    /// Connected to (AF_UNIX).
    Connect,
    /// Mounted on or unmounted.
    Mount,
}

/// A process of the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Thread group id of its parent.
    pub parent: u32,
    /// Executables in the order they were executed; the path is seen from the root of the mount namespace.
    pub executables: Vec<ImagePath>,
}

/// In place of a system call number that is not known.
pub const UNKNOWN_CALL: u32 = minifier_common::record::kind::UNKNOWN_CALL as u32;

/// The second source of opens, inside the kernel. It sees those without a path in a system call: io_uring, file handles,
/// files that the kernel itself loads. A trace is complete without it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecondSource {
    /// The hook that it was attached to (`fentry security_file_open`, `lsm file_open`); `None` if the kernel grants none.
    pub hook: Option<String>,
    /// Why there is none; `None` if there is one.
    pub reason: Option<String>,
    /// Number of files that both saw opened.
    pub both: usize,
    /// Files that only this source saw opened; they are among the accesses.
    pub alone: BTreeSet<ImagePath>,
    /// Files that a system call opened, but this source did not see.
    pub missed: BTreeSet<ImagePath>,
}

/// One hook of the kernel side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HookStatus {
    /// Name of the tracepoint.
    pub name: String,
    /// Events of the container that it saw, repeated ones included.
    pub seen: u64,
    /// Records that were lost at this hook.
    pub lost: u64,
}
