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
    #[error(
        "up to {skipped} events of {hook} were lost because the kernel was busy with other events"
    )]
    Busy {
        /// Name of the hook.
        hook: String,
        /// Number of events at most.
        skipped: u64,
    },
    /// The memory for the trace is used up.
    #[error(
        "the memory limit of {} for the trace was reached: {left_out} records of the container's activity were \
         dropped", Memory(*bytes)
    )]
    Memory {
        /// The limit, in bytes.
        bytes: u64,
        /// Number of records that did not fit.
        left_out: u64,
    },
    /// There were too many tasks to follow.
    #[error("{0} processes and threads were not traced: the limit is {TASKS_MAX} at a time")]
    Unfollowed(u64),
    /// Paths could not be read from the container's memory.
    #[error("{0} paths given to system calls could not be read")]
    PathsLost(u64),
    /// Directories could not be followed up to the root.
    #[error("the full paths of {0} files could not be determined")]
    WalksLost(u64),
    /// Calls of another architecture's table.
    #[error("{0} system calls of 32-bit programs were not traced")]
    Foreign(u64),
    /// Requests of io_uring whose path could not be read.
    #[error("{0} io_uring requests with a path could not be read")]
    UringLost(u64),
    /// The kernel does not show requests of io_uring.
    #[error("the container uses io_uring, whose requests cannot be traced on this kernel")]
    UringUnseen,
    /// Records of the kernel side could not be decoded.
    #[error("{0} records could not be decoded")]
    Undecodable(u64),
    /// Nothing was recorded at all.
    #[error("no program was seen to start in the container")]
    NeverSeen,
    /// Another control group of the container's name was recorded in its place.
    #[error("another control group with the container's name was mistaken for its own")]
    OtherGroup,
    /// It is not known whether these processes were the container's.
    #[error(
        "{0} processes in other control groups with the container's name were left out: the container ended \
         before its own group could be determined"
    )]
    Namesakes(u64),
}

impl Gap {
    /// Advice for the user.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BufferFull { .. } => "raise --trace-buffer",
            Self::Busy { .. } => "trace on a host with less load",
            Self::Memory { .. } => {
                "raise --trace-memory; no limit is enough for a workload that creates new paths without end"
            }
            Self::Unfollowed(_) => {
                "lower --pids-limit, so that the workload has fewer processes and threads at a time"
            }
            Self::PathsLost(_) => {
                "build again: the paths were not in memory when the probe read them"
            }
            Self::WalksLost(_) => {
                "keep files that are more than 100 directories deep with --include-path"
            }
            Self::Foreign(_) => {
                "keep the files of 32-bit programs with --include-path: their system calls (int 0x80, ia32, \
                 x32) cannot be traced"
            }
            Self::UringLost(_) | Self::UringUnseen => {
                "run the workload without io_uring, or trace on another kernel (docs/kernels.md)"
            }
            Self::Undecodable(_) => {
                "install minify again: its eBPF object belongs to another version"
            }
            Self::NeverSeen => {
                "use an engine that runs containers on this host's kernel, in control groups named after their IDs"
            }
            Self::OtherGroup | Self::Namesakes(_) => {
                "find and stop the program that creates control groups with that name on this host, and build again"
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
            "the memory limit of 96.0 MiB for the trace was reached: 7 records of the container's activity were dropped"
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
