//! The two sources of opens: system calls, and the kernel's own `security_file_open`.

use std::collections::BTreeSet;
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
        let alone: BTreeSet<ImagePath> = self
            .opened
            .iter()
            .filter(|one| one.resolved.as_ref().is_some_and(by_none) && !self.was_refused(one))
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

    /// True for a file that a call asked for and did not get: the second source runs before a device or a pipe itself
    /// refuses, as /dev/tty does without a terminal.
    fn was_refused(&self, opened: &Access) -> bool {
        self.accesses.iter().any(|access| {
            let same_call = opened.syscall == UNKNOWN_CALL || opened.syscall == access.syscall;
            same_call
                && access.pid == opened.pid
                && is_open(access)
                && !access.succeeded()
                && place(access) == opened.resolved
        })
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
