//! [`TraceError`]: why the kernel does not record, and what to do about it.

use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;

/// Why nothing can be recorded. Messages are fragments that follow "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The process may not load eBPF programs.
    #[error("load eBPF programs without {}", missing.join(" and "))]
    NotPermitted {
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// Kernel lockdown forbids reading the kernel's memory, which every program does.
    #[error("load eBPF programs: the kernel is locked down (confidentiality)")]
    LockedDown,
    /// The kernel has no type information, or it cannot be read.
    #[error("read the kernel's type information (BTF) at {}", path.display())]
    Btf {
        /// Where it was looked for.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is no valid type information.
    #[error("parse the kernel's type information (BTF) at {}: {reason}", path.display())]
    BtfInvalid {
        /// Where it was looked for.
        path: PathBuf,
        /// The fault that was found.
        reason: String,
    },
    /// The kernel's structures are not as the eBPF programs need them.
    #[error("trace on this kernel: its type information has no {0}")]
    Layout(String),
    /// It is not known where this architecture keeps the arguments of system calls.
    #[error("trace on this architecture ({})", std::env::consts::ARCH)]
    Architecture,
    /// The eBPF object was refused.
    #[error("create the eBPF maps")]
    Object(#[source] Box<EbpfError>),
    /// The kernel refused a program.
    #[error("load the eBPF program for {hook}{}{log}", if log.is_empty() { "" } else { "; the verifier says:\n" })]
    Load {
        /// Tracepoint.
        hook: &'static str,
        /// The last lines of the verifier's log; empty if there is none.
        log: String,
        /// Why not.
        source: Box<ProgramError>,
    },
    /// The kernel does not let a program be attached.
    #[error("attach the eBPF program to {hook}")]
    Attach {
        /// Tracepoint.
        hook: &'static str,
        /// Why not.
        source: Box<ProgramError>,
    },
    /// A map cannot be read or written.
    #[error("access the eBPF map {map}")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why not.
        source: Box<MapError>,
    },
    /// The container's id is too long to be compared.
    #[error("follow the container {0:?}: its id is empty or too long")]
    ContainerId(String),
    /// The thread that collects has ended early.
    #[error("collect the trace: the collecting thread ended early")]
    Collector,
}

impl TraceError {
    /// Advice for the user; `None` if there is nothing.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotPermitted { .. } => {
                "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE (`sudo minify …`)"
            }
            Self::LockedDown => "boot with `lockdown=integrity` or without lockdown",
            Self::Btf { .. } => {
                "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (5.10 or newer of any current distribution)"
            }
            Self::BtfInvalid { .. } => {
                "name the running kernel's BTF file, normally /sys/kernel/btf/vmlinux"
            }
            Self::Layout(_) | Self::Load { .. } | Self::Attach { .. } | Self::Object(_) => {
                "run `minify doctor` to see what this kernel lacks; Linux 5.10 or newer works"
            }
            Self::Architecture => "use an x86-64 or arm64 host",
            Self::Map { .. } | Self::ContainerId(_) | Self::Collector => return None,
        })
    }
}
