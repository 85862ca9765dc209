//! The two sources of opens: system calls, and the kernel's own `security_file_open`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minifier_common::decode::Record;

use super::Assembler;
use crate::rootfs::ImagePath;
use crate::trace::{Access, Operation, SecondSource, UNKNOWN_CALL, calls};

impl Assembler {
    /// Keeps what the second source saw until both are compared.
    pub(super) fn opened(&mut self, record: &Record<'_>) {
        // What lies behind an overlay's file is detached, as are pipes and removed files.
        let Some(resolved) = self.resolved(record) else {
            return;
        };
        self.process(record);
        let header = record.header;
        self.opened.push(Access {
            time: Duration::from_nanos(header.time.saturating_sub(self.start)),
            pid: header.tgid,
            syscall: header.syscall.into(),
            operation: calls::kernel_open_operation(header.detail),
            requested: resolved.as_bytes().to_vec(),
            base: None,
            resolved: Some(resolved),
            result: None,
        });
    }

    /// Compares both sources, and adds the files that the second alone saw to the accesses.
    pub(in crate::trace) fn join_sources(&mut self) -> SecondSource {
        let by_call: BTreeSet<&ImagePath> =
            self.accesses.iter().filter_map(opened_by_call).collect();
        let executed = self.accesses.iter();
        let executed = executed.filter(|access| access.operation == Operation::Execute);
        let executed: BTreeSet<&ImagePath> =
            executed.filter_map(|one| one.resolved.as_ref()).collect();
        let opened: BTreeSet<&ImagePath> = self
            .opened
            .iter()
            .filter_map(|one| one.resolved.as_ref())
            .collect();
        let both = by_call.intersection(&opened).count();
        let missed = by_call
            .difference(&opened)
            .map(|path| (*path).clone())
            .collect();
        let by_none = |path: &ImagePath| !by_call.contains(path) && !executed.contains(path);
        let refused = Refused::new(&self.accesses);
        let alone: BTreeSet<ImagePath> = self
            .opened
            .iter()
            .filter(|one| one.resolved.as_ref().is_some_and(by_none) && !refused.has(one))
            .filter_map(|one| one.resolved.clone())
            .collect();
        let is_alone = |access: &Access| {
            access
                .resolved
                .as_ref()
                .is_some_and(|path| alone.contains(path))
        };
        let added = std::mem::take(&mut self.opened)
            .into_iter()
            .filter(is_alone);
        self.accesses.extend(added);
        SecondSource {
            hook: None,
            reason: None,
            both,
            alone,
            missed,
        }
    }
}

/// Files that calls asked for and did not get, with the processes and their calls: the second source runs before a
/// device or a pipe itself refuses, as /dev/tty does without a terminal.
struct Refused(BTreeMap<(u32, ImagePath), BTreeSet<u32>>);

impl Refused {
    fn new(accesses: &[Access]) -> Self {
        let mut refused: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
        for access in accesses {
            if is_open(access)
                && !access.succeeded()
                && let Some(place) = place(access)
            {
                let calls = refused.entry((access.pid, place)).or_default();
                calls.insert(access.syscall);
            }
        }
        Self(refused)
    }

    /// True where a call of the same process asked for what the second source saw.
    fn has(&self, opened: &Access) -> bool {
        let Some(path) = &opened.resolved else {
            return false;
        };
        let calls = self.0.get(&(opened.pid, path.clone()));
        calls.is_some_and(|calls| opened.syscall == UNKNOWN_CALL || calls.contains(&opened.syscall))
    }
}

/// Where the path that was asked for leads to if no link is on the way.
fn place(access: &Access) -> Option<ImagePath> {
    let start = access.requested.iter().position(|byte| *byte != b'/');
    let below = access.requested.get(start?..)?;
    access.base.as_ref().map(|base| base.join(below))
}

fn is_open(access: &Access) -> bool {
    matches!(access.operation, Operation::Open | Operation::OpenWrite)
}

/// The file that a system call opened. Only its place was asked for with `O_PATH`, which opens nothing.
fn opened_by_call(access: &Access) -> Option<&ImagePath> {
    access
        .resolved
        .as_ref()
        .filter(|_| is_open(access) && access.succeeded())
}
