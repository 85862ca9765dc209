//! The eBPF object's programs, with their names and what each is attached to, and its maps.

use std::collections::BTreeMap;

use aya::maps::{Map, MapError};
use aya::programs::{BtfTracePoint, FEntry, Lsm, Program, ProgramError};
use aya::{Btf, Ebpf};
use minifier_common::record::hook;

use super::error::TraceError;
use super::layout::HOOKS;
use crate::tasks::returned;

/// A program and its copies, in the order in which they are attached.
#[derive(Debug, Clone)]
pub(crate) struct ProgramGroup {
    /// The hook that they are attached to.
    pub(crate) place: AttachPoint,
    /// Index of their counters.
    pub(crate) counter: u32,
    /// Names of the programs.
    pub(crate) names: &'static [&'static str],
}

/// Where a program is attached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AttachPoint {
    /// A BTF tracepoint.
    Tracepoint(&'static str),
    /// The entry of a function.
    Function(&'static str),
    /// A hook of the security module.
    Security(&'static str),
}

/// Programs without which nothing can be traced.
pub(crate) const REQUIRED: [ProgramGroup; 4] = [
    ProgramGroup {
        place: AttachPoint::Tracepoint(HOOKS[0]),
        counter: hook::SYS_EXIT,
        names: &["sys_exit", "sys_exit_2", "sys_exit_3", "sys_exit_4"],
    },
    ProgramGroup {
        place: AttachPoint::Tracepoint(HOOKS[1]),
        counter: hook::FORK,
        names: &["sched_process_fork", "sched_process_fork_2"],
    },
    ProgramGroup {
        place: AttachPoint::Tracepoint(HOOKS[2]),
        counter: hook::EXEC,
        names: &["sched_process_exec", "sched_process_exec_2"],
    },
    ProgramGroup {
        place: AttachPoint::Tracepoint(HOOKS[3]),
        counter: hook::EXIT,
        names: &["sched_process_exit", "sched_process_exit_2"],
    },
];

/// The programs at the io_uring tracepoint that the kernel has.
pub(crate) const fn uring(tracepoint: &'static str) -> ProgramGroup {
    ProgramGroup {
        place: AttachPoint::Tracepoint(tracepoint),
        counter: hook::URING,
        names: &["io_uring_submit_req", "io_uring_submit_req_2"],
    }
}

/// The second source, if programs can be attached to functions.
pub(crate) const FUNCTION: ProgramGroup = ProgramGroup {
    place: AttachPoint::Function("security_file_open"),
    counter: hook::OPENED,
    names: &[
        "security_file_open",
        "security_file_open_2",
        "security_file_open_3",
        "security_file_open_4",
    ],
};

/// The second source as a security module.
pub(crate) const SECURITY: ProgramGroup = ProgramGroup {
    place: AttachPoint::Security("file_open"),
    counter: hook::OPENED,
    names: &["file_open", "file_open_2", "file_open_3", "file_open_4"],
};

/// Names of all programs that a trace may load. The kernel shows only the first 15 bytes.
pub fn program_names() -> impl Iterator<Item = &'static str> {
    let groups = REQUIRED.into_iter().chain([uring(""), FUNCTION, SECURITY]);
    groups.flat_map(|group| group.names.iter().copied())
}

/// The result of loading each program.
pub(crate) type LoadedPrograms = BTreeMap<&'static str, Result<(), ProgramError>>;

/// Loads the first `copies` programs of each group, each in a thread: the verifier takes most of the time of attaching, and
/// verifies programs in parallel.
pub(crate) fn load(
    ebpf: &mut Ebpf,
    groups: &[ProgramGroup],
    copies: impl Fn(u32) -> usize,
    btf: &Btf,
) -> LoadedPrograms {
    let mut wanted = BTreeMap::new();
    for group in groups {
        let names = group.names.iter().take(copies(group.counter));
        wanted.extend(names.map(|&name| (name, group.place)));
    }
    std::thread::scope(|scope| {
        let mut loading = Vec::new();
        for (name, program) in ebpf.programs_mut() {
            if let Some((&name, &place)) = wanted.get_key_value(name) {
                loading.push((name, scope.spawn(move || place.load(program, btf))));
            }
        }
        let loaded = loading.into_iter();
        loaded
            .map(|(name, thread)| (name, returned(thread.join())))
            .collect()
    })
}

/// Takes a map out of the object.
pub(crate) fn map<T: TryFrom<Map, Error = MapError>>(
    ebpf: &mut Ebpf,
    name: &'static str,
) -> Result<T, TraceError> {
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| TraceError::Layout(format!("eBPF map {name}")))?;
    T::try_from(map).map_err(|source| TraceError::Map {
        map: name,
        source: Box::new(source),
    })
}

impl AttachPoint {
    /// The function's or tracepoint's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tracepoint(name) | Self::Function(name) | Self::Security(name) => name,
        }
    }

    fn load(self, program: &mut Program, btf: &Btf) -> Result<(), ProgramError> {
        match self {
            Self::Tracepoint(name) => <&mut BtfTracePoint>::try_from(program)?.load(name, btf),
            Self::Function(name) => <&mut FEntry>::try_from(program)?.load(name, btf),
            Self::Security(name) => <&mut Lsm>::try_from(program)?.load(name, btf),
        }
    }
}
