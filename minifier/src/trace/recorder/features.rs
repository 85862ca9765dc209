//! The checks of `minify doctor` for tracing. Nothing is printed here.

use std::path::Path;
use std::time::Instant;

use aya::maps::MapType;
use serde::Serialize;

use super::error::TraceError;
use super::layout::{HOOKS, KernelLayout};
use super::load::{Kernel, TraceOptions};
use super::types::Types;
use super::{fallbacks, privileges};
use crate::cgroups::hierarchies;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Subject, in a word or two.
    pub name: String,
    /// Whether tracing works with it.
    pub status: Status,
    /// Finding, for a person.
    pub detail: String,
    /// Advice; `None` if nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Result of a [`Check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing is wrong.
    Ok,
    /// Tracing works, with a restriction.
    Warn,
    /// Tracing cannot work.
    Fail,
}

/// Checks everything that tracing needs; `btf` is the file of the running kernel's type information. If no other check
/// fails, attaches the eBPF programs for a moment. Blocks for some tenths of a second.
pub fn host_checks(btf: &Path) -> Vec<Check> {
    let mut checks = vec![kernel(), capabilities(), lockdown()];
    let types = Types::read(btf);
    checks.push(type_information(btf, types.as_ref()));
    if let Ok(types) = &types {
        checks.extend(structures(types));
        checks.extend(HOOKS.map(|name| hook(types, name)));
    }
    // A program that cannot load would only repeat, in the verifier's words, what a check has found.
    let may_load = checks.iter().all(|check| check.status != Status::Fail);
    if may_load {
        checks.push(ring_buffer());
        checks.extend(programs(btf));
    }
    checks.push(control_groups());
    checks.push(tracefs());
    checks
}

fn ok(name: &str, detail: impl Into<String>) -> Check {
    Check {
        name: name.into(),
        status: Status::Ok,
        detail: detail.into(),
        hint: None,
    }
}

fn failed(name: &str, error: &TraceError) -> Check {
    let detail = match std::error::Error::source(error) {
        Some(source) => format!("cannot {error}: {source}"),
        None => format!("cannot {error}"),
    };
    Check {
        name: name.into(),
        status: Status::Fail,
        detail,
        hint: error.hint().map(Into::into),
    }
}

fn kernel() -> Check {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    ok(
        "kernel",
        format!("{} on {}", text(system.release()), text(system.machine())),
    )
}

fn capabilities() -> Check {
    let missing = privileges::missing_capabilities();
    if missing.is_empty() {
        let names: Vec<&str> = privileges::NEEDED.iter().map(|(_, name)| *name).collect();
        return ok(
            "capabilities",
            format!("{} are in effect", names.join(" and ")),
        );
    }
    failed("capabilities", &TraceError::NotPermitted { missing })
}

fn lockdown() -> Check {
    match privileges::lockdown().as_deref() {
        Some("confidentiality") => failed("lockdown", &TraceError::LockedDown),
        Some(level) => ok("lockdown", level),
        None => ok("lockdown", "none, or not known (securityfs is not mounted)"),
    }
}

fn type_information(path: &Path, types: Result<&Types, &TraceError>) -> Check {
    match types {
        Ok(_) => ok("btf", path.display().to_string()),
        Err(error) => failed("btf", error),
    }
}

fn structures(types: &Types) -> Vec<Check> {
    let layout = match KernelLayout::of(types) {
        Ok(layout) => layout,
        Err(error) => return vec![failed("structures", &error)],
    };
    let uring = match layout.uring_hook {
        Some(name) => ok("io_uring", format!("requests are seen at {name}")),
        None => Check {
            name: "io_uring".into(),
            status: Status::Warn,
            detail: "no tracepoint shows requests on this kernel".into(),
            hint: Some(
                "use Linux 6.3 or newer for containers that use io_uring: here, their trace is incomplete".into(),
            ),
        },
    };
    let taken: Vec<String> = fallbacks::taken(&layout)
        .map(|row| format!("{} ({})", row.what, row.instead))
        .collect();
    let fallbacks = if taken.is_empty() {
        ok(
            "fallbacks",
            "none: this kernel has every feature that is used",
        )
    } else {
        ok("fallbacks", taken.join("; "))
    };
    vec![ok("structures", "all offsets found"), uring, fallbacks]
}

fn hook(types: &Types, name: &'static str) -> Check {
    if types.has_tracepoint(name) {
        ok(name, "BTF tracepoint")
    } else {
        failed(name, &TraceError::Layout(format!("tracepoint {name}")))
    }
}

fn ring_buffer() -> Check {
    let (status, detail, hint) = match aya::sys::is_map_supported(MapType::RingBuf) {
        Ok(true) => (Status::Ok, "available".to_owned(), None),
        Ok(false) => (
            Status::Fail,
            "this kernel has none".to_owned(),
            Some("use Linux 5.10 or newer"),
        ),
        Err(error) => {
            let hint = "check the seccomp profile and the security module of this container, which may forbid the bpf \
                 system call";
            (
                Status::Fail,
                format!("the bpf system call is refused: {error}"),
                Some(hint),
            )
        }
    };
    Check {
        name: "ring buffer".into(),
        status,
        detail,
        hint: hint.map(Into::into),
    }
}

fn programs(btf: &Path) -> Vec<Check> {
    let started = Instant::now();
    let options = TraceOptions {
        btf: btf.into(),
        ..TraceOptions::default()
    };
    // The whole of it, as a trace would do it: nothing else shows what the verifier accepts. It is detached at once.
    match Kernel::attach(&options) {
        Ok(kernel) => {
            let attached = format!(
                "{} attached in {} ms",
                kernel.all_hooks().len(),
                started.elapsed().as_millis()
            );
            vec![ok("ebpf programs", attached), second_source(&kernel)]
        }
        Err(error) => vec![failed("ebpf programs", &error)],
    }
}

/// Never a failure: system calls show what a container opens, and this source only confirms them.
fn second_source(kernel: &Kernel) -> Check {
    match &kernel.opens {
        Ok(opens) => ok(
            "second source",
            format!("opens are seen by {} too", opens.hook),
        ),
        Err(reason) => ok(
            "second source",
            format!("not granted here ({reason}); system calls are the only source of opens"),
        ),
    }
}

/// Only information: a container is recognised in every layout of control groups.
fn control_groups() -> Check {
    let mounted = hierarchies().unwrap_or_default();
    let has = |unified| mounted.iter().any(|one| one.is_unified() == unified);
    let (status, detail, hint) = match (has(false), has(true)) {
        (false, true) => (Status::Ok, "version 2", None),
        (true, true) => (Status::Ok, "version 1 and 2 (hybrid)", None),
        (true, false) => (Status::Ok, "version 1", None),
        (false, false) => (
            Status::Warn,
            "none are mounted here",
            Some(
                "use an engine with control groups: a container is recognised by its control group",
            ),
        ),
    };
    Check {
        name: "control groups".into(),
        status,
        detail: detail.into(),
        hint: hint.map(Into::into),
    }
}

/// Only information: classic tracepoints need tracefs, BTF tracepoints are attached by the id of their type.
fn tracefs() -> Check {
    let mounted = [
        "/sys/kernel/tracing/events",
        "/sys/kernel/debug/tracing/events",
    ]
    .into_iter()
    .any(|path| Path::new(path).exists());
    ok(
        "tracefs",
        if mounted {
            "mounted (not needed)"
        } else {
            "not mounted, and not needed: BTF tracepoints are used"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_this_host_passes_every_check() {
        let checks = host_checks(&crate::trace::recorder::load::default_btf());
        for check in &checks {
            assert_ne!(check.status, Status::Fail, "{check:?}");
        }
        assert!(
            checks.iter().any(|check| check.name == "ebpf programs"),
            "{checks:?}"
        );
    }

    #[test]
    fn a_missing_btf_file_fails_with_a_hint() {
        let checks = host_checks(Path::new("/nonexistent/vmlinux"));
        let btf = checks
            .iter()
            .find(|check| check.name == "btf")
            .expect("a check of BTF");
        assert_eq!(btf.status, Status::Fail);
        assert!(
            btf.detail.contains("/nonexistent/vmlinux"),
            "{}",
            btf.detail
        );
        assert!(
            btf.hint
                .as_deref()
                .is_some_and(|hint| hint.contains("CONFIG_DEBUG_INFO_BTF"))
        );
    }
}
