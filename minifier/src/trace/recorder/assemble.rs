//! [`Assembler`]: from records, in the order of the ring buffer, to [`Access`]es and [`Process`]es.
//!
//! The kernel side writes the record of a fork before the child runs. So in the buffer's order, a cause comes before its
//! effects, and working directories and executables are followed as the records come in.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use minifier_common::decode::{Components, Record};
use minifier_common::record::{flag, kind};

use super::budget::TraceBudget;
use super::calls;
use super::sources::{self, KernelOpen};
use crate::rootfs::ImagePath;
use crate::trace::model::{Access, Operation, Process, SecondSource};

/// `MS_BIND`
const BIND: u32 = 0x1000;

/// Bytes of an element in a hash table. Tables double when they are full, so they are half empty at worst.
const fn slot<T>() -> usize {
    2 * size_of::<T>()
}

/// Where a path starts and where it leads to, as far as the kernel side could read it.
struct AccessPlaces {
    base: Option<ImagePath>,
    resolved: Option<ImagePath>,
}

/// Collects records until the budget is used up.
pub(crate) struct Assembler {
    start: u64,
    /// In the order of arrival.
    pub(crate) accesses: Vec<Access>,
    /// By thread group id.
    pub(crate) processes: BTreeMap<u32, Process>,
    /// Numbers of the system calls seen.
    pub(crate) syscalls: BTreeSet<u32>,
    /// Number of records that could not be decoded.
    pub(crate) undecodable: u64,
    /// Whether the container's first process was seen.
    pub(crate) seeded: bool,
    /// The memory that is left.
    pub(crate) budget: TraceBudget,
    /// Files that the second source saw opened, in the order of arrival.
    opened: Vec<KernelOpen>,
    working_directories: HashMap<u32, ImagePath>,
    /// Indices of accesses by their hash, to find repetitions. If a hash is taken by another access, the next free one is
    /// used: keys in place of hashes would take as much memory as the accesses.
    known: HashMap<u64, u32>,
    hashes: RandomState,
    /// One copy of each path: a few directories are the base of most accesses.
    paths: HashSet<ImagePath>,
}

impl Assembler {
    /// `start`: time zero of the accesses, in nanoseconds of the kernel's monotonic clock. `memory`: bytes that everything
    /// kept here may take.
    pub(crate) fn new(start: u64, memory: u64) -> Self {
        Self {
            start,
            accesses: Vec::new(),
            processes: BTreeMap::new(),
            syscalls: BTreeSet::new(),
            undecodable: 0,
            seeded: false,
            budget: TraceBudget::new(memory),
            opened: Vec::new(),
            working_directories: HashMap::new(),
            known: HashMap::new(),
            hashes: RandomState::new(),
            paths: HashSet::new(),
        }
    }

    /// Takes one record.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some(record) = Record::decode(bytes) else {
            self.undecodable += 1;
            return;
        };
        let header = record.header;
        self.seeded |= header.kind == kind::SEED;
        match header.kind {
            // At most a few hundred, whatever the container does: they need no budget.
            kind::SYSCALL => {
                self.syscalls.insert(header.syscall.into());
            }
            _ if self.budget.is_spent() => self.budget.refuse(),
            kind::SEED => self.seed(&record),
            kind::FORK => self.fork(&record),
            // An interpreter is loaded like a program, but the process runs what it was asked to run.
            kind::EXECUTE | kind::INTERPRETER => self.execute(&record),
            kind::ACCESS => self.access(&record),
            kind::URING => self.uring(&record),
            kind::OPENED => self.opened(&record),
            _ => self.undecodable += 1,
        }
    }

    fn process(&mut self, record: &Record<'_>) -> Option<&mut Process> {
        match self.processes.entry(record.header.tgid) {
            Entry::Occupied(there) => Some(there.into_mut()),
            Entry::Vacant(new) => {
                let fits = self.budget.take(slot::<(u32, Process)>(), 0);
                fits.then(|| {
                    new.insert(Process {
                        parent: record.header.parent,
                        executables: Vec::new(),
                    })
                })
            }
        }
    }

    fn executes(&mut self, record: &Record<'_>, executable: Option<ImagePath>) {
        if executable.is_some() && !self.budget.take(slot::<ImagePath>(), 0) {
            return;
        }
        if let Some(process) = self.process(record) {
            process.executables.extend(executable);
        }
    }

    fn works_in(&mut self, process: u32, directory: ImagePath) {
        let there = self.working_directories.contains_key(&process);
        if there || self.budget.take(slot::<(u32, ImagePath)>(), 0) {
            self.working_directories.insert(process, directory);
        }
    }

    fn seed(&mut self, record: &Record<'_>) {
        self.process(record);
        if let Some(base) = self.base(record) {
            self.works_in(record.header.tgid, base);
        }
    }

    fn fork(&mut self, record: &Record<'_>) {
        // The child runs its parent's program, in its parent's directory, until it changes that.
        let forked = record.header.extra;
        let executable = self
            .processes
            .get(&forked)
            .and_then(|process| process.executables.last().cloned());
        self.executes(record, executable);
        if let Some(directory) = self.working_directories.get(&forked).cloned() {
            self.works_in(record.header.tgid, directory);
        }
    }

    fn execute(&mut self, record: &Record<'_>) {
        let base = self.base(record);
        let resolved = self.resolved(record);
        if record.header.kind == kind::EXECUTE {
            let executable = resolved
                .clone()
                .or_else(|| base.as_ref().map(|base| base.join(record.path)));
            self.executes(record, executable);
        }
        let places = AccessPlaces { base, resolved };
        self.add(record, Operation::Execute, places, Some(0));
    }

    fn access(&mut self, record: &Record<'_>) {
        let header = record.header;
        // The kernel side records only calls of the table: another number is a damaged record.
        let Some(call) = calls::call(header.syscall) else {
            self.undecodable += 1;
            return;
        };
        // `mount("proc", …)`: without MS_BIND the source is a name or a device, no path of the container.
        if call.is_mount_source(header.argument) && header.detail & BIND == 0 {
            return;
        }
        let resolved = self.resolved(record);
        let mut base = self.base(record);
        if header.result >= 0 && call.moves_base() {
            // The kernel side runs at the return of the call, when the process is already in its new directory. For chdir,
            // the old one is known here; after pivot_root nothing says what the path meant.
            if call.name == "pivot_root" {
                base = None;
            }
            if call.name == "chdir" && base.is_none() {
                base = self.working_directories.get(&header.tgid).cloned();
            }
        }
        if matches!(call.name, "chdir" | "fchdir")
            && let Some(directory) = &resolved
        {
            self.works_in(header.tgid, directory.clone());
        }
        let operation = call.operation(header.argument, header.detail);
        let places = AccessPlaces { base, resolved };
        self.add(record, operation, places, Some(header.result.into()));
    }

    fn uring(&mut self, record: &Record<'_>) {
        let Some((syscall, operation)) = calls::uring_operation(record) else {
            self.undecodable += 1;
            return;
        };
        let base = self.base(record);
        let mut record = *record;
        record.header.syscall = syscall;
        // The request is only submitted: neither its result nor the file that it reaches is known.
        let places = AccessPlaces {
            base,
            resolved: None,
        };
        self.add(&record, operation, places, None);
    }

    fn add(
        &mut self,
        record: &Record<'_>,
        operation: Operation,
        places: AccessPlaces,
        result: Option<i64>,
    ) {
        self.process(record);
        let AccessPlaces { base, resolved } = places;
        // A pipe, a socket or a removed directory has no path at all.
        if record.path.is_empty() && base.is_none() && resolved.is_none() {
            return;
        }
        let header = record.header;
        let access = Access {
            time: Duration::from_nanos(header.time.saturating_sub(self.start)),
            pid: header.tgid,
            syscall: header.syscall.into(),
            operation,
            requested: record.path.to_vec(),
            base,
            resolved,
            result,
        };
        let mut hash = self.hashes.hash_one(key(&access));
        while let Some(&index) = self.known.get(&hash) {
            let taken = self.accesses.get(index as usize);
            if taken.is_some_and(|one| key(one) == key(&access)) {
                return;
            }
            hash = hash.wrapping_add(1);
        }
        let fixed = size_of::<Access>() + slot::<(u64, u32)>();
        if let Ok(index) = u32::try_from(self.accesses.len())
            && self.budget.take(fixed, access.requested.len())
        {
            self.known.insert(hash, index);
            self.accesses.push(access);
        }
    }

    /// Keeps what the second source saw until both are compared.
    fn opened(&mut self, record: &Record<'_>) {
        // The file behind an overlay's file is detached, as are pipes and removed files.
        let Some(resolved) = self.resolved(record) else {
            return;
        };
        self.process(record);
        if self.budget.take(size_of::<KernelOpen>(), 0) {
            let opened = KernelOpen::new(record, resolved, self.start);
            self.opened.push(opened);
        }
    }

    /// Compares both sources, and adds the files that the second alone saw to the accesses.
    pub(crate) fn join_sources(&mut self) -> SecondSource {
        let opened = std::mem::take(&mut self.opened);
        sources::join(&mut self.accesses, opened, &mut self.budget)
    }

    fn base(&mut self, record: &Record<'_>) -> Option<ImagePath> {
        // A base that was cut or removed would make a wrong path of a relative one: none is better.
        let lost = flag::BASE_LOST | flag::BASE_DETACHED;
        self.path(
            record.base,
            record.header.flags & (flag::BASE | lost) == flag::BASE,
        )
    }

    fn resolved(&mut self, record: &Record<'_>) -> Option<ImagePath> {
        let lost = flag::RESOLVED_LOST | flag::RESOLVED_DETACHED;
        self.path(
            record.resolved,
            record.header.flags & (flag::RESOLVED | lost) == flag::RESOLVED,
        )
    }

    fn path(&mut self, components: Components<'_>, known: bool) -> Option<ImagePath> {
        if !known {
            return None;
        }
        let mut bytes = Vec::new();
        // The kernel side walks from the leaf to the root.
        for component in components.root_first() {
            bytes.push(b'/');
            bytes.extend_from_slice(component);
        }
        let path = ImagePath::new(bytes);
        if let Some(shared) = self.paths.get(&path) {
            return Some(shared.clone());
        }
        // The bytes of an `Arc` have two counters in front of them.
        let block = path.as_bytes().len() + 2 * size_of::<usize>();
        if !self.budget.take(slot::<ImagePath>(), block) {
            return None;
        }
        self.paths.insert(path.clone());
        Some(path)
    }
}

/// The parts that make two accesses different: everything but the time, the process, and the result of a success (a
/// descriptor, a length).
fn key(access: &Access) -> impl Eq + Hash + '_ {
    let outcome = access.result.map(|result| result.min(0));
    (
        access.syscall,
        access.operation,
        &access.requested,
        &access.base,
        &access.resolved,
        outcome,
    )
}

#[cfg(test)]
mod tests;
