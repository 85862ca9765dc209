//! The second source: a program where the kernel opens files, beside the one where system calls return. Not every kernel
//! grants it, and one that grants it may never run it: it is taken only where it is seen to fire.

use std::path::Path;

use aya::maps::{Array, MapData};
use aya::programs::fentry::FEntryLinkId;
use aya::programs::lsm::LsmLinkId;
use aya::programs::{FEntry, Lsm, Program};
use aya::{Btf, Ebpf};
use minifier_common::record::{copies, hook, probe};

use super::load::map;

/// Where programs can be attached without a security module.
const FUNCTION: &str = "security_file_open";
/// The program there and its copies, for when those before were preempted.
const FUNCTIONS: Copies = [
    "security_file_open",
    "security_file_open_2",
    "security_file_open_3",
    "security_file_open_4",
];
/// The same of the security module.
const SECURITY_HOOK: &str = "file_open";
/// Its programs.
const SECURITY_HOOKS: Copies = ["file_open", "file_open_2", "file_open_3", "file_open_4"];

/// Names of programs that are copies of one another.
type Copies = [&'static str; copies::of(hook::OPENED) as usize];

/// The second source at work.
#[derive(Debug)]
pub(super) struct Opens {
    /// What it is attached to, for people.
    pub(super) hook: &'static str,
    programs: Vec<&'static str>,
    links: Vec<(&'static str, Link)>,
}

#[derive(Debug)]
enum Link {
    Function(FEntryLinkId),
    Security(LsmLinkId),
}

type Attempt = fn(&mut Ebpf, &Btf, usize) -> Result<Opens, String>;

impl Opens {
    /// Attaches whichever program the kernel grants and runs, and `copies` of it; otherwise why it runs none.
    pub(super) fn attach(ebpf: &mut Ebpf, btf: &Btf, copies: usize) -> Result<Self, String> {
        let mut own: Array<MapData, u32> =
            map(ebpf, "OPENED_PROBE").map_err(|error| error.to_string())?;
        let mut reasons = Vec::new();
        for attempt in [function as Attempt, security] {
            match attempt(ebpf, btf, copies) {
                Ok(opens) if fires(&mut own) => return Ok(opens),
                Ok(mut opens) => {
                    opens.detach(ebpf);
                    reasons.push(format!("{}: it is attached and never runs", opens.hook));
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.join("; "))
    }

    /// Names of the programs, which are copies of one another.
    pub(super) fn programs(&self) -> &[&'static str] {
        &self.programs
    }

    /// Takes it away.
    pub(super) fn detach(&mut self, ebpf: &mut Ebpf) {
        for (name, link) in self.links.drain(..) {
            let program = ebpf.program_mut(name);
            let detached = match link {
                Link::Function(link) => program
                    .and_then(|program| <&mut FEntry>::try_from(program).ok())
                    .map(|program| program.detach(link)),
                Link::Security(link) => program
                    .and_then(|program| <&mut Lsm>::try_from(program).ok())
                    .map(|program| program.detach(link)),
            };
            if let Some(Err(error)) = detached {
                tracing::warn!(%error, hook = self.hook, "cannot detach");
            }
        }
    }
}

fn function(ebpf: &mut Ebpf, btf: &Btf, copies: usize) -> Result<Opens, String> {
    const HOOK: &str = "fentry security_file_open";
    all(ebpf, HOOK, FUNCTIONS.iter().take(copies), |program| {
        let program: &mut FEntry = program.try_into().map_err(words)?;
        program.load(FUNCTION, btf).map_err(words)?;
        program.attach().map(Link::Function).map_err(words)
    })
}

fn security(ebpf: &mut Ebpf, btf: &Btf, copies: usize) -> Result<Opens, String> {
    const HOOK: &str = "lsm file_open";
    if !is_security_module() {
        return Err(format!(
            "{HOOK}: bpf is not among the active security modules"
        ));
    }
    all(ebpf, HOOK, SECURITY_HOOKS.iter().take(copies), |program| {
        let program: &mut Lsm = program.try_into().map_err(words)?;
        program.load(SECURITY_HOOK, btf).map_err(words)?;
        program.attach().map(Link::Security).map_err(words)
    })
}

/// Attaches all copies, or none.
fn all(
    ebpf: &mut Ebpf,
    hook: &'static str,
    programs: impl Iterator<Item = &'static &'static str>,
    attach: impl Fn(&mut Program) -> Result<Link, String>,
) -> Result<Opens, String> {
    let mut opens = Opens {
        hook,
        programs: Vec::new(),
        links: Vec::new(),
    };
    for &name in programs {
        let program = ebpf.program_mut(name);
        let attached = program
            .ok_or("no such program".to_owned())
            .and_then(&attach);
        match attached {
            Ok(link) => {
                opens.programs.push(name);
                opens.links.push((name, link));
            }
            Err(why) => {
                opens.detach(ebpf);
                return Err(format!("{hook}: {why}"));
            }
        }
    }
    Ok(opens)
}

/// True where eBPF programs of the security module run at all.
fn is_security_module() -> bool {
    std::fs::read_to_string("/sys/kernel/security/lsm")
        .is_ok_and(|modules| modules.trim().split(',').any(|module| module == "bpf"))
}

/// Opens a file in this thread and looks whether the program has seen it.
fn fires(own: &mut Array<MapData, u32>) -> bool {
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let mut probe = || -> Result<bool, aya::maps::MapError> {
        own.set(probe::FIRED, 0, 0)?;
        own.set(probe::THREAD, thread.cast_unsigned(), 0)?;
        let opened = std::fs::File::open(Path::new("/proc/self/status")).is_ok();
        let fired = own.get(&probe::FIRED, 0)?;
        own.set(probe::THREAD, 0, 0)?;
        Ok(opened && fired > 0)
    };
    probe().unwrap_or_else(|error| {
        tracing::debug!(%error, "the second source cannot be asked");
        false
    })
}

/// The innermost reason, which is the kernel's.
fn words(error: impl std::error::Error) -> String {
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    // The verifier's log is for those who ask for it.
    text.lines().next().unwrap_or_default().to_owned()
}
