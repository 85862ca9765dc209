//! The two sources of opens: system calls, and the kernel's own `security_file_open`.

use std::collections::BTreeSet;
use std::time::Duration;

use minifier_common::decode::Record;

use super::Assembler;
use crate::rootfs::ImagePath;
use crate::trace::{Access, Operation, SecondSource, calls};

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
        let missed = by_call
            .difference(&opened)
            .map(|path| (*path).clone())
            .collect();
        let alone: BTreeSet<ImagePath> = opened
            .into_iter()
            .filter(|path| !by_call.contains(path) && !executed.contains(path))
            .cloned()
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
            alone,
            missed,
        }
    }
}

/// The file that a system call opened. Only its place was asked for with `O_PATH`, which opens nothing.
fn opened_by_call(access: &Access) -> Option<&ImagePath> {
    let opened = matches!(access.operation, Operation::Open | Operation::OpenWrite);
    access
        .resolved
        .as_ref()
        .filter(|_| opened && access.succeeded())
}
