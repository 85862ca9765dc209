//! [`TraceError`]: why the kernel does not record, and what to do about it.

use std::path::PathBuf;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;

/// Messages are read after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The process may not load eBPF programs.
    #[error("load eBPF programs without {}", missing.join(" and "))]
    NotPermitted {
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// The kernel has been locked down.
    #[error("load eBPF programs: the kernel is locked down (confidentiality)")]
    LockedDown,
    /// The kernel has no type information, or it cannot be read.
    #[error("read the kernel's type information (BTF) at {}", path.display())]
    Btf {
        /// Where it was looked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is there is no type information.
    #[error("parse the kernel's type information (BTF) at {}: {reason}", path.display())]
    BtfInvalid {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The kernel's structures are not as the eBPF programs need them.
    #[error("trace on this kernel: its type information has no {0}")]
    Layout(String),
    /// The architecture has no table of arguments.
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
        /// The verifier's last words.
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
    /// The thread that collects is gone.
    #[error("collect the trace: the collecting thread ended early")]
    Collector,
}

impl TraceError {
    /// What to do about it.
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
                "`minify doctor` tells what this kernel lacks; kernels from 5.10 on work"
            }
            Self::Architecture => "use an x86-64 or arm64 host",
            Self::Map { .. } | Self::ContainerId(_) | Self::Collector => return None,
        })
    }
}
