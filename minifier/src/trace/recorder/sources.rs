//! Comparing the two sources of opens: system calls, and the kernel's own `security_file_open`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minifier_common::decode::Record;

use super::budget::TraceBudget;
use super::call::kernel_open_operation;
use crate::rootfs::ImagePath;
use crate::trace::model::{Access, Operation, SecondSource, UNKNOWN_CALL};

/// A file that the second source saw opened.
pub(crate) struct KernelOpen {
    time: Duration,
    pid: u32,
    syscall: u32,
    operation: Operation,
    path: ImagePath,
}

impl From<KernelOpen> for Access {
    fn from(opened: KernelOpen) -> Self {
        Self {
            time: opened.time,
            pid: opened.pid,
            syscall: opened.syscall,
            operation: opened.operation,
            requested: opened.path.as_bytes().to_vec(),
            base: None,
            resolved: Some(opened.path),
            result: None,
        }
    }
}

impl KernelOpen {
    /// The file at `path` that a record of the second source is about. `start`: the time that accesses are counted from.
    pub(crate) fn new(record: &Record<'_>, path: ImagePath, start: u64) -> Self {
        let header = record.header;
        Self {
            time: Duration::from_nanos(header.time.saturating_sub(start)),
            pid: header.tgid,
            syscall: header.syscall.into(),
            operation: kernel_open_operation(header.detail),
            path,
        }
    }
}

/// Compares both sources, and adds the files that the second alone saw to the accesses, as far as the budget goes.
pub(crate) fn join(
    accesses: &mut Vec<Access>,
    seen: Vec<KernelOpen>,
    budget: &mut TraceBudget,
) -> SecondSource {
    let by_call: BTreeSet<&ImagePath> = accesses.iter().filter_map(opened_by_call).collect();
    // An execution opens its file in the kernel too, and is already among the accesses.
    let executed = accesses.iter();
    let executed = executed.filter(|access| access.operation == Operation::Execute);
    let executed: BTreeSet<&ImagePath> = executed.filter_map(|one| one.resolved.as_ref()).collect();
    let opened: BTreeSet<&ImagePath> = seen.iter().map(|one| &one.path).collect();
    let both = by_call.intersection(&opened).count();
    let missed = by_call
        .difference(&opened)
        .map(|path| (*path).clone())
        .collect();
    let by_none = |path: &ImagePath| !by_call.contains(path) && !executed.contains(path);
    let refused = Refused::new(accesses, &opened);
    let alone: BTreeSet<ImagePath> = seen
        .iter()
        .filter(|one| by_none(&one.path) && !refused.has(one))
        .map(|one| one.path.clone())
        .collect();
    for one in seen.into_iter().filter(|one| alone.contains(&one.path)) {
        if budget.take(size_of::<Access>(), one.path.as_bytes().len()) {
            accesses.push(one.into());
        }
    }
    SecondSource {
        hook: None,
        reason: None,
        both,
        alone,
        missed,
    }
}

/// Files that calls failed to open, with their processes and calls. The second source sees these too: it runs before a
/// device or a pipe itself refuses, as /dev/tty does without a terminal. They were not opened.
struct Refused(BTreeMap<(u32, ImagePath), BTreeSet<u32>>);

impl Refused {
    /// Only files in `opened` are kept: a container can fail to open any number of others.
    fn new(accesses: &[Access], opened: &BTreeSet<&ImagePath>) -> Self {
        let mut refused: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
        for access in accesses {
            if is_open(access)
                && !access.succeeded()
                && let Some(place) = place(access)
                && opened.contains(&place)
            {
                let calls = refused.entry((access.pid, place)).or_default();
                calls.insert(access.syscall);
            }
        }
        Self(refused)
    }

    /// Whether a call of the same process asked for what the second source saw.
    fn has(&self, opened: &KernelOpen) -> bool {
        let calls = self.0.get(&(opened.pid, opened.path.clone()));
        calls.is_some_and(|calls| opened.syscall == UNKNOWN_CALL || calls.contains(&opened.syscall))
    }
}

/// The path of a failed open, if no link is on the way: the kernel resolved nothing for it.
fn place(access: &Access) -> Option<ImagePath> {
    let start = access.requested.iter().position(|byte| *byte != b'/');
    let below = access.requested.get(start?..)?;
    access.base.as_ref().map(|base| base.join(below))
}

fn is_open(access: &Access) -> bool {
    matches!(access.operation, Operation::Open | Operation::OpenWrite)
}

/// The file that a system call opened. Not with `O_PATH`, which only finds a file: the second source does not see that.
fn opened_by_call(access: &Access) -> Option<&ImagePath> {
    access
        .resolved
        .as_ref()
        .filter(|_| is_open(access) && access.succeeded())
}
