//! [`Opens`]: the second source, a program at the place where the kernel opens files. Not every kernel grants it, and an LSM
//! program can be attached and never run (if `bpf` is not among the active modules). So it is used only after it has fired.

use std::path::Path;

use aya::maps::{Array, MapData};
use aya::programs::fentry::FEntryLinkId;
use aya::programs::lsm::LsmLinkId;
use aya::programs::{FEntry, Lsm, Program};
use aya::{Btf, Ebpf};
use minifier_common::record::probe;

use super::programs::{self, FUNCTION, LoadedPrograms, SECURITY, map};

/// The attached second source.
#[derive(Debug)]
pub(crate) struct Opens {
    /// Name of the hook, for people.
    pub(crate) hook: &'static str,
    programs: Vec<&'static str>,
    links: Vec<(&'static str, Link)>,
}

#[derive(Debug)]
enum Link {
    Function(FEntryLinkId),
    Security(LsmLinkId),
}

impl Opens {
    /// Attaches `copies` of the program that the kernel grants and runs; otherwise returns the reasons. `loaded`: the results
    /// of loading the programs at the function.
    pub(crate) fn attach(
        ebpf: &mut Ebpf,
        btf: &Btf,
        copies: usize,
        loaded: LoadedPrograms,
    ) -> Result<Self, String> {
        let mut own: Array<MapData, u32> =
            map(ebpf, "OPENED_PROBE").map_err(|error| error.to_string())?;
        let mut reasons = Vec::new();
        // fentry first: it needs no boot option, but Linux 6.1 on arm64 refuses to attach it (ENOTSUPP).
        match function(ebpf, copies, loaded).and_then(|opens| opens.if_fires(&mut own, ebpf)) {
            Ok(opens) => return Ok(opens),
            Err(reason) => reasons.push(reason),
        }
        match security(ebpf, btf, copies).and_then(|opens| opens.if_fires(&mut own, ebpf)) {
            Ok(opens) => return Ok(opens),
            Err(reason) => reasons.push(reason),
        }
        Err(reasons.join("; "))
    }

    /// Removes it if the kernel does not run it.
    fn if_fires(mut self, own: &mut Array<MapData, u32>, ebpf: &mut Ebpf) -> Result<Self, String> {
        if fires(own) {
            return Ok(self);
        }
        self.detach(ebpf);
        Err(format!("{}: it is attached, but does not run", self.hook))
    }

    /// Names of the programs, which are copies of one another.
    pub(crate) fn programs(&self) -> &[&'static str] {
        &self.programs
    }

    /// Removes it from the kernel.
    pub(crate) fn detach(&mut self, ebpf: &mut Ebpf) {
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

fn function(ebpf: &mut Ebpf, copies: usize, loaded: LoadedPrograms) -> Result<Opens, String> {
    const HOOK: &str = "fentry security_file_open";
    all(ebpf, HOOK, &FUNCTION.names[..copies], loaded, |program| {
        let program: &mut FEntry = program.try_into().map_err(words)?;
        program.attach().map(Link::Function).map_err(words)
    })
}

fn security(ebpf: &mut Ebpf, btf: &Btf, copies: usize) -> Result<Opens, String> {
    const HOOK: &str = "lsm file_open";
    // Without this, the kernel would load and attach the program, and never run it.
    if !is_security_module() {
        return Err(format!(
            "{HOOK}: bpf is not among the active security modules"
        ));
    }
    let loaded = programs::load(ebpf, &[SECURITY], |_| copies, btf);
    all(ebpf, HOOK, &SECURITY.names[..copies], loaded, |program| {
        let program: &mut Lsm = program.try_into().map_err(words)?;
        program.attach().map(Link::Security).map_err(words)
    })
}

/// Attaches all copies, or none: with some of them, events would be lost without a count.
fn all(
    ebpf: &mut Ebpf,
    hook: &'static str,
    programs: &[&'static str],
    mut loaded: LoadedPrograms,
    attach: impl Fn(&mut Program) -> Result<Link, String>,
) -> Result<Opens, String> {
    let mut opens = Opens {
        hook,
        programs: Vec::new(),
        links: Vec::new(),
    };
    for &name in programs {
        let absent = || "no such program".to_owned();
        let loaded = loaded.remove(name).ok_or_else(absent);
        let loaded = loaded.and_then(|result| result.map_err(words));
        let program = loaded.and_then(|()| ebpf.program_mut(name).ok_or_else(absent));
        match program.and_then(&attach) {
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

/// Whether eBPF programs of the security module run at all.
fn is_security_module() -> bool {
    std::fs::read_to_string("/sys/kernel/security/lsm")
        .is_ok_and(|modules| modules.trim().split(',').any(|module| module == "bpf"))
}

/// Opens a file in this thread, and checks whether the program has seen it.
fn fires(own: &mut Array<MapData, u32>) -> bool {
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let mut probe = || -> Result<bool, aya::maps::MapError> {
        // Only the opens of this thread are counted: others open files all the time.
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
    // Only the first line: the verifier's log follows.
    text.lines().next().unwrap_or_default().to_owned()
}
