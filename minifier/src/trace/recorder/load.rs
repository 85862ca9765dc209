//! [`Kernel`]: the eBPF object, loaded with this kernel's offsets and attached.

use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader, Endianness, VerifierLogLevel};
use minifier_common::class::TABLE;
use minifier_common::record::{copies, hook};

use super::error::TraceError;
use super::layout::{HOOKS, KernelLayout};
use super::opens::Opens;
use super::programs::{self, FUNCTION, LoadedPrograms, ProgramGroup, REQUIRED, SECURITY, map};
use super::scope::Scope;
use super::types::Types;
use super::{calls, privileges};
use crate::tasks::returned;

/// The kernel side, built by `cargo xtask build-ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/minifier.bpf.o");

/// How to trace.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Size of the ring buffer in bytes; rounded up to a power of two, at least a page, as the kernel asks for.
    pub buffer_bytes: u32,
    /// Memory that the trace may take, in bytes. Records that do not fit are left out, which is a gap.
    pub memory_bytes: u64,
    /// File with the running kernel's type information.
    pub btf: PathBuf,
}

impl Default for TraceOptions {
    /// A buffer of 8 MiB, 64 MiB of memory, and the BTF file that the environment variable `MINIFIER_BTF` names or else the kernel's own.
    fn default() -> Self {
        Self {
            buffer_bytes: 8 << 20,
            memory_bytes: 64 << 20,
            btf: default_btf(),
        }
    }
}

/// The BTF file that the environment variable `MINIFIER_BTF` names, or else the kernel's own.
pub fn default_btf() -> PathBuf {
    std::env::var_os("MINIFIER_BTF").map_or_else(|| "/sys/kernel/btf/vmlinux".into(), PathBuf::from)
}

/// An attached hook.
pub(crate) struct Hook {
    /// Name of the tracepoint.
    pub(crate) name: &'static str,
    /// Index of its counters.
    pub(crate) counter: u32,
    /// The program, and copies of it if it may be preempted.
    programs: Vec<Attached>,
}

/// An attached program.
struct Attached {
    name: &'static str,
    link: Option<BtfTracePointLinkId>,
}

/// The attached kernel side. Dropping it removes it from the kernel.
pub(crate) struct Kernel {
    ebpf: Ebpf,
    pub(crate) hooks: Vec<Hook>,
    /// The second source, or why there is none.
    pub(crate) opens: Result<Opens, String>,
    pub(crate) events: RingBuf<MapData>,
    pub(crate) counters: PerCpuArray<MapData, u64>,
    /// For the one who decides which container to follow; `None` once taken.
    pub(crate) scope: Option<Scope>,
    /// `CLOCK_MONOTONIC` when it was attached, in nanoseconds: the clock of the records.
    pub(crate) start: u64,
}

impl Kernel {
    /// Loads and attaches everything. Blocks for up to some tenths of a second, most of which is the verifier's.
    pub(crate) fn attach(options: &TraceOptions) -> Result<Self, TraceError> {
        privileges::check()?;
        // Before 5.11, maps count as locked memory, and the usual limit is 64 KiB. Raising it takes CAP_SYS_RESOURCE, which
        // containers often lack; on newer kernels nothing depends on it.
        let unlimited = rustix::process::Rlimit {
            current: None,
            maximum: None,
        };
        if let Err(error) =
            rustix::process::setrlimit(rustix::process::Resource::Memlock, unlimited)
        {
            tracing::debug!(%error, "the limit on locked memory stays");
        }
        // Side by side: each takes several milliseconds, for which the user waits.
        let (loader, types) = std::thread::scope(|scope| {
            let loader = scope.spawn(loader);
            let types = Types::read(&options.btf);
            (returned(loader.join()), types)
        });
        let types = types?;
        let layout = KernelLayout::of(&types)?;
        let btf = attachable(&types, &layout, &options.btf)?;
        let mut ebpf = load(loader, options, &layout)?;
        let mut groups: Vec<ProgramGroup> = REQUIRED.into();
        groups.extend(layout.uring_hook.map(programs::uring));
        let mut to_load = groups.clone();
        to_load.push(FUNCTION);
        let copies = |hook| copies(hook, &layout);
        let mut loaded = programs::load(&mut ebpf, &to_load, copies, &btf);
        let mut hooks = Vec::new();
        for group in groups {
            let names = &group.names[..copies(group.counter)];
            match attach(&mut ebpf, &group, names, &mut loaded) {
                Ok(hook) => hooks.push(hook),
                // Not fatal: if the container uses io_uring, the trace has a gap that says so.
                Err(error) if group.counter == hook::URING => {
                    tracing::debug!(?error, "io_uring requests are not traced");
                }
                Err(error) => return Err(error),
            }
        }
        let opens = Opens::attach(&mut ebpf, &btf, copies(hook::OPENED), loaded);
        let start = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Ok(Self {
            events: map(&mut ebpf, "EVENTS")?,
            counters: map(&mut ebpf, "COUNTERS")?,
            scope: Some(Scope::new(&mut ebpf)?),
            ebpf,
            hooks,
            opens,
            start: start.tv_sec.cast_unsigned() * 1_000_000_000 + start.tv_nsec.cast_unsigned(),
        })
    }

    /// Removes the hooks. What they have recorded can still be read.
    pub(crate) fn detach(&mut self) {
        for hook in &mut self.hooks {
            for attached in &mut hook.programs {
                if let (Some(link), Some(program)) =
                    (attached.link.take(), program(&mut self.ebpf, attached.name))
                    && let Err(error) = program.detach(link)
                {
                    tracing::warn!(%error, program = attached.name, "cannot detach");
                }
            }
        }
        if let Ok(opens) = &mut self.opens {
            opens.detach(&mut self.ebpf);
        }
    }

    /// Name of every hook and the index of its counters, the second source last.
    pub(crate) fn all_hooks(&self) -> Vec<(&'static str, u32)> {
        let hooks = self.hooks.iter().map(|hook| (hook.name, hook.counter));
        let opens = self.opens.iter().map(|opens| (opens.hook, hook::OPENED));
        hooks.chain(opens).collect()
    }

    /// The most events for which the kernel may have skipped the program of a hook and all its copies, because they were
    /// running on that CPU. `crowded`: how often all copies may have been running.
    pub(crate) fn skipped(&self, counter: u32, crowded: u64) -> u64 {
        let hook = self.hooks.iter().find(|hook| hook.counter == counter);
        let opens = self.opens.iter().filter(|_| counter == hook::OPENED);
        let names: Vec<&str> = match hook {
            Some(hook) => hook.programs.iter().map(|one| one.name).collect(),
            None => opens.flat_map(Opens::programs).copied().collect(),
        };
        skipped(&self.ebpf, &names, crowded)
    }
}

/// The most events for which the kernel may have skipped all of these programs, which are copies of one another.
fn skipped(ebpf: &Ebpf, programs: &[&str], crowded: u64) -> u64 {
    if programs.len() > 1 && crowded == 0 {
        return 0;
    }
    let programs = programs.iter();
    // An event is lost only if every copy skipped it, so the smallest count is an upper bound.
    let skipped = programs.map(|name| recursion_misses(ebpf, name).unwrap_or(0));
    skipped.min().unwrap_or(0)
}

/// How often the kernel skipped a program; `None` before 5.12, where programs are not preempted and none is skipped.
fn recursion_misses(ebpf: &Ebpf, name: &str) -> Option<u64> {
    let fd = ebpf.program(name)?.fd().ok()?;
    let fd = fd.as_fd().as_raw_fd();
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok())
}

/// A loader without the kernel's types, since the object has no relocations that need them. aya parses them even so, which
/// takes as long as everything else here but the verifier; so it is done in a thread of its own.
fn loader() -> EbpfLoader<'static> {
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    // aya probes the kernel's features on first use, and keeps them.
    let _ = aya::features();
    loader
}

/// The types that programs are attached to, for aya, which looks up their ids by name. Parsing all types would take it long.
fn attachable(types: &Types, layout: &KernelLayout, path: &Path) -> Result<Btf, TraceError> {
    let tracepoints: Vec<&str> = HOOKS.into_iter().chain(layout.uring_hook).collect();
    let security = format!("bpf_lsm_{}", SECURITY.place.name());
    let bytes = types.attachable(&tracepoints, &[FUNCTION.place.name(), &security]);
    Btf::parse(&bytes, Endianness::default()).map_err(|error| TraceError::BtfInvalid {
        path: path.into(),
        reason: error.to_string(),
    })
}

fn load(
    loader: EbpfLoader<'static>,
    options: &TraceOptions,
    layout: &KernelLayout,
) -> Result<Ebpf, TraceError> {
    // Two, since minifier itself may run in a container: neither the host's namespace nor its own is a workload's.
    let namespace = |of: &str| {
        std::fs::metadata(format!("/proc/{of}/ns/mnt"))
            .map_or(0, |namespace| namespace.ino() as u32)
    };
    let namespaces = [namespace("1"), namespace("self")];
    let numbers = ["exit", "exit_group", "execve", "rt_sigreturn"]
        .map(|name| calls::number(name).map_or(u32::MAX, u32::from));
    // Random, so that a container cannot prepare accesses whose hashes collide: the second one would not be recorded.
    let seed = RandomState::new().hash_one(layout.offsets);
    let classes: [u32; TABLE] = calls::classes();
    let uring = layout.uring.as_flattened();
    let page = rustix::param::page_size() as u32;
    let buffer = options
        .buffer_bytes
        .max(page)
        .checked_next_power_of_two()
        .unwrap_or(1 << 31);
    // The borrowed globals shorten the loader's lifetime.
    let mut loader: EbpfLoader<'_> = loader;
    loader
        // Costs nothing if the programs load: aya asks for the log only after a refusal.
        .verifier_log_level(VerifierLogLevel::VERBOSE | VerifierLogLevel::STATS)
        .map_max_entries("EVENTS", buffer)
        .override_global("OFFSETS", &layout.offsets[..], true)
        .override_global("URING_OPERATIONS", uring, true)
        .override_global("TYPED_TASK", &u32::from(layout.typed_task), true)
        .override_global("TASK_REGISTERS", &u32::from(layout.task_registers), true)
        .override_global("PREEMPTIBLE", &u32::from(layout.preemptible), true)
        .override_global("COMPAT_MASK", &layout.compat_mask, true)
        .override_global("CONTROLLERS", &layout.controllers, true)
        .override_global("HOST_NAMESPACES", &namespaces[..], true)
        .override_global("NUMBERS", &numbers[..], true)
        .override_global("HASH_SEED", &seed, true)
        .override_global("CLASSES", &classes[..], true)
        .load(OBJECT)
        .map_err(|error| TraceError::Object(Box::new(error)))
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Option<&'a mut BtfTracePoint> {
    ebpf.program_mut(name)?.try_into().ok()
}

/// Number of copies of a hook's program that are attached.
fn copies(hook: u32, layout: &KernelLayout) -> usize {
    if layout.preemptible {
        copies::of(hook) as usize
    } else {
        1
    }
}

/// Attaches a program, and copies of it if it may be preempted.
fn attach(
    ebpf: &mut Ebpf,
    group: &ProgramGroup,
    names: &[&'static str],
    loaded: &mut LoadedPrograms,
) -> Result<Hook, TraceError> {
    let hook = group.place.name();
    let mut programs = Vec::new();
    for &name in names {
        let absent = || TraceError::Layout(format!("eBPF program {name}"));
        // Missing only if the object in the repository is not of these sources, which CI checks.
        let result = loaded.remove(name).ok_or_else(absent)?;
        result.map_err(|error| refused(hook, error))?;
        let program = program(ebpf, name).ok_or_else(absent)?;
        let link = program.attach().map_err(|source| TraceError::Attach {
            hook,
            source: Box::new(source),
        })?;
        programs.push(Attached {
            name,
            link: Some(link),
        });
    }
    Ok(Hook {
        name: hook,
        counter: group.counter,
        programs,
    })
}

/// The error for a refused program, with the end of the verifier's log: that is the reason, the rest is the whole program.
fn refused(hook: &'static str, error: ProgramError) -> TraceError {
    const LINES: usize = 12;
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return TraceError::Load {
            hook,
            log: String::new(),
            source: Box::new(error),
        };
    };
    let log = verifier_log.to_string();
    tracing::debug!(hook, log, "the verifier's log");
    let lines: Vec<&str> = log.lines().collect();
    let log = lines[lines.len().saturating_sub(LINES)..].join("\n");
    TraceError::Load {
        hook,
        log,
        source: Box::new(ProgramError::IOError(io_error)),
    }
}
