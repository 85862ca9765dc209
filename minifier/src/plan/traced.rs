//! Paths that processes touched.
//!
//! A path that was asked for and exists in the image stays, whatever the call returned: that it exists is a part of
//! the answer. Of a path that does not exist (it failed, or the container made it) the links on its way stay, and
//! the last directory that exists. A listed directory stays as a directory.

use std::collections::{BTreeMap, BTreeSet};

use super::Reason;
use super::certificates::is_certificate_access;
use super::closure::Closure;
use crate::rootfs::{End, ImagePath, Resolution};
use crate::trace::{Access, Operation, Trace};

impl Closure<'_> {
    /// Keeps what the trace has.
    pub(crate) fn seed_trace(&mut self, trace: &Trace) {
        let mut who = Who::new(trace);
        let mut unplaced: Option<&Access> = None;
        for access in &trace.accesses {
            who.advance(access);
            let reason = Reason::Traced {
                operation: access.operation,
                executable: who.executable(access.pid),
            };
            self.learn_certificates(access);
            let requested = self.resolve_requested(access);
            if let Some(resolution) = &requested {
                self.keep_touched(resolution, &reason);
            }
            // Both are kept: the request has the links on its way, and the resolved path is what the kernel reached,
            // whatever was mounted or replaced in between.
            match &access.resolved {
                Some(resolved) => {
                    let rootfs = self.files.rootfs;
                    // It has no links left. A last link is one only if the call was about the link itself.
                    let resolution = rootfs.resolve(&ImagePath::root(), resolved.as_bytes(), false);
                    self.keep_touched(&resolution, &reason);
                }
                None if requested.is_none() => {
                    unplaced.get_or_insert(access);
                }
                None => {}
            }
        }
        if let Some(access) = unplaced {
            self.warn(
                format!(
                    "the trace has relative paths whose starting directory is not known, such as {:?}",
                    crate::rootfs::escape_bytes(&access.requested)
                ),
                Some("keep the files that they may refer to with --include-path".into()),
            );
        }
    }

    /// The entry that the requested path leads to in the image; `None` if its starting directory is not known.
    fn resolve_requested(&self, access: &Access) -> Option<Resolution> {
        let rootfs = self.files.rootfs;
        let root = ImagePath::root();
        let follow = match access.operation {
            Operation::LookNoFollow | Operation::Create | Operation::Remove => false,
            Operation::Open
            | Operation::OpenWrite
            | Operation::Execute
            | Operation::Look
            | Operation::ChangeDirectory
            | Operation::List
            | Operation::Change
            | Operation::Connect
            | Operation::Mount => true,
        };
        let path = &access.requested;
        if path.starts_with(b"/") {
            // For an absolute path, the base is the root of the process, which differs after a chroot.
            let top = access.base.as_ref().unwrap_or(&root);
            Some(rootfs.resolve_in(top, top, path, follow))
        } else {
            let base = access.base.as_ref()?;
            Some(rootfs.resolve(base, path, follow))
        }
    }

    fn keep_touched(&mut self, resolution: &Resolution, reason: &Reason) {
        self.keep_resolved(resolution, reason.clone());
        // ENOENT in an existing directory is a part of the answer: without the directory, it would be another error,
        // and a file could not be created.
        let last = match &resolution.end {
            End::Found { .. } | End::Loop => return,
            End::Missing { path } => path.parent(),
            End::NotADirectory { path } => Some(path.clone()),
        };
        if let Some((path, node)) =
            last.and_then(|path| Some((path.clone(), self.files.rootfs.lookup(&path)?)))
        {
            self.keep(&path, node, reason.clone());
        }
    }

    fn learn_certificates(&mut self, access: &Access) {
        let requested = match &access.base {
            Some(base) => base.join(&access.requested),
            None => ImagePath::new(&access.requested),
        };
        for path in [Some(&requested), access.resolved.as_ref()]
            .into_iter()
            .flatten()
        {
            let found = is_certificate_access(path, access.operation);
            if found.tls {
                self.facts.tls.insert(format!("{path} was asked for"));
            }
            self.facts.hashed_certificates |= found.by_hash;
        }
    }
}

/// Which program a process runs, as the trace goes on.
struct Who<'a> {
    trace: &'a Trace,
    current: BTreeMap<u32, &'a ImagePath>,
    /// Processes of which the trace has an execution.
    executing: BTreeSet<u32>,
}

impl<'a> Who<'a> {
    fn new(trace: &'a Trace) -> Self {
        let executions = trace.accesses.iter().filter(|access| is_execution(access));
        Self {
            trace,
            current: BTreeMap::new(),
            executing: executions.map(|access| access.pid).collect(),
        }
    }

    /// An execution changes what its process runs.
    fn advance(&mut self, access: &'a Access) {
        if is_execution(access)
            && let Some(resolved) = &access.resolved
            && let Some(process) = self.trace.processes.get(&access.pid)
            && process.executables.contains(resolved)
        {
            self.current.insert(access.pid, resolved);
        }
    }

    /// The program of `pid`; a process that has not executed anything runs what its parent does.
    fn executable(&self, pid: u32) -> Option<ImagePath> {
        let mut pid = pid;
        let mut seen = BTreeSet::new();
        // Pids are reused, so parents can form a circle.
        while seen.insert(pid) {
            if let Some(current) = self.current.get(&pid) {
                return Some((*current).clone());
            }
            let process = self.trace.processes.get(&pid)?;
            // The trace has an execution once, of the first process that did it. Another one has no turning point
            // then: what it did last is what it did most of.
            let known = if self.executing.contains(&pid) {
                process.executables.first()
            } else {
                process.executables.last()
            };
            if let Some(known) = known {
                return Some(known.clone());
            }
            pid = process.parent;
        }
        None
    }
}

fn is_execution(access: &Access) -> bool {
    access.operation == Operation::Execute && access.succeeded()
}
