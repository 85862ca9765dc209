//! [`Gap`]: why a trace may be incomplete, and what can be done about it.

use minifier_common::record::TASKS_MAX;

use crate::units::Memory;

/// A reason why a trace may be incomplete. Its text is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// The ring buffer had no room for records.
    #[error("{lost} records of {hook} were lost because the buffer was full")]
    BufferFull {
        /// Name of the hook.
        hook: String,
        /// Number of records.
        lost: u64,
    },
    /// The kernel did not run a program for events.
    #[error("up to {skipped} events of {hook} were lost because the kernel was busy with others")]
    Busy {
        /// Name of the hook.
        hook: String,
        /// Number of events at most.
        skipped: u64,
    },
    /// The memory for the trace is used up.
    #[error(
        "{} for the trace were not enough: {left_out} records of what the container did were left out", Memory(*bytes)
    )]
    Memory {
        /// The limit, in bytes.
        bytes: u64,
        /// Number of records that did not fit.
        left_out: u64,
    },
    /// There were too many tasks to follow.
    #[error("{0} tasks were not followed, because {TASKS_MAX} were at that time")]
    Unfollowed(u64),
    /// Paths could not be read from the container's memory.
    #[error("{0} paths given to system calls could not be read")]
    PathsLost(u64),
    /// Directories could not be followed up to the root.
    #[error("{0} files could not be followed up to the root directory")]
    WalksLost(u64),
    /// Calls of another architecture's table.
    #[error("{0} system calls of 32-bit programs were not looked at")]
    Foreign(u64),
    /// Requests of io_uring whose path could not be read.
    #[error("{0} io_uring requests with a path could not be read")]
    UringLost(u64),
    /// The kernel does not show requests of io_uring.
    #[error("the container uses io_uring, whose requests cannot be traced on this kernel")]
    UringUnseen,
    /// Records of the kernel side could not be decoded.
    #[error("{0} records could not be understood")]
    Undecodable(u64),
    /// Nothing was recorded at all.
    #[error("the container was never seen to execute anything")]
    NeverSeen,
    /// Another control group of the container's name was recorded in its place.
    #[error("a control group that has the container's name and is not its own was taken for it")]
    OtherGroup,
    /// It is not known whether these processes were the container's.
    #[error(
        "{0} processes were left out that run in another control group of the container's name, and the container ended \
         before it could be asked which is its own"
    )]
    Namesakes(u64),
}

impl Gap {
    /// Advice for the user.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BufferFull { .. } => "use a larger --trace-buffer",
            Self::Busy { .. } => "trace on a host with less load",
            Self::Memory { .. } => {
                "use a larger --trace-memory; a workload that makes up paths without end fills any"
            }
            Self::Unfollowed(_) => {
                "a lower --pids-limit keeps the workload from having so many processes and threads"
            }
            Self::PathsLost(_) => {
                "trace once more: the paths were not in memory when they were to be read"
            }
            Self::WalksLost(_) => {
                "keep what lies below more than 100 directories with --include-path"
            }
            Self::Foreign(_) => {
                "programs that make 32-bit calls (int 0x80, ia32, x32) cannot be traced: keep what they need with \
                 --include-path"
            }
            Self::UringLost(_) | Self::UringUnseen => {
                "run the workload without io_uring, or trace on another kernel (docs/kernels.md)"
            }
            Self::Undecodable(_) => {
                "the eBPF object is not of this version of minifier: install it again"
            }
            Self::NeverSeen => {
                "the engine must run containers under this host's kernel, in control groups named after their ids"
            }
            Self::OtherGroup | Self::Namesakes(_) => {
                "find out who makes control groups of that name on this host, and build again"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_not_given_the_remedy_of_another() {
        let full = Gap::BufferFull {
            hook: "sys_exit".into(),
            lost: 3,
        };
        let memory = Gap::Memory {
            bytes: 96 << 20,
            left_out: 7,
        };
        assert_eq!(
            memory.to_string(),
            "96.0 MiB for the trace were not enough: 7 records of what the container did were left out"
        );
        assert!(full.hint().contains("--trace-buffer"));
        let busy = Gap::Busy {
            hook: "sys_exit".into(),
            skipped: 3,
        };
        // The remedy is the hint's to give.
        for gap in [&full, &busy] {
            assert!(
                !gap.to_string().contains("trace with") && !gap.to_string().contains("trace on")
            );
        }
        assert!(memory.hint().contains("--trace-memory"));
        assert!(Gap::Foreign(1).hint().contains("--include-path"));
        for other in [memory, Gap::Foreign(1), Gap::UringUnseen, Gap::NeverSeen] {
            assert!(!other.hint().contains("--trace-buffer"), "{other}");
        }
    }
}
