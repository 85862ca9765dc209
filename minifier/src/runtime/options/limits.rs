//! [`RunLimits`]: how much of the host a container may use; [`UnpackLimits`]: how much its image may unpack to.

use std::fs;

/// Processes and threads: more than a healthy program uses, and few enough for the host to keep working.
const PIDS: i64 = 4096;
/// Bytes of a log on disk.
const LOG: i64 = 16 << 20;

/// How much of the host a container may use. `None`: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Number of processes and threads.
    pub pids: Option<i64>,
    /// Bytes of output that a daemon keeps on disk. Without a daemon, no output is written to disk.
    pub log: Option<i64>,
}

impl RunLimits {
    /// The limits for an unknown image: three quarters of this host's memory, 4096 processes and threads, 16 MiB of log.
    /// A resource whose controller is missing is not limited: a runtime would refuse to start the container.
    pub fn of_host() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let unified = read("/sys/fs/cgroup/cgroup.controllers");
        Self::of(&read("/proc/meminfo"), &read("/proc/cgroups"), &unified)
    }

    /// From the texts of the kernel's files; the last two list the controllers of control groups of version 1 and 2.
    fn of(meminfo: &str, cgroups: &str, unified: &str) -> Self {
        let can = |controller: &str| {
            let enabled = |line: &str| {
                let mut fields = line.split_whitespace();
                fields.next() == Some(controller) && fields.next_back() == Some("1")
            };
            // `/proc/cgroups` is about the whole host. With version 2, only the controllers that are delegated to this
            // group count.
            if unified.trim().is_empty() {
                cgroups.lines().any(enabled)
            } else {
                unified.split_whitespace().any(|one| one == controller)
            }
        };
        let total = meminfo.lines().find_map(|line| {
            let rest = line.strip_prefix("MemTotal:")?;
            rest.split_whitespace().next()?.parse::<i64>().ok()
        });
        let memory = total.and_then(|kibibytes| Some(kibibytes.checked_mul(1024)? / 4 * 3));
        Self {
            memory: memory.filter(|_| can("memory")),
            pids: can("pids").then_some(PIDS),
            log: Some(LOG),
        }
    }
}

/// How much an image may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes of all files of all layers, holes included.
    pub bytes: u64,
    /// Files, directories and other entries of all layers.
    pub entries: u64,
}

impl UnpackLimits {
    /// The limit on `what`: `bytes` or `entries`.
    pub(crate) fn of(&self, what: &'static str) -> u64 {
        match what {
            "bytes" => self.bytes,
            _ => self.entries,
        }
    }
}

impl Default for UnpackLimits {
    /// 64 GiB and five million entries.
    fn default() -> Self {
        Self {
            bytes: 64 << 30,
            entries: 5_000_000,
        }
    }
}

/// The room for copies in volumes. Holes count in full: a copy may fill them, and a file of 1 TiB costs nothing to
/// put into an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

impl Room {
    /// Takes one entry of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// `bytes` or `entries`, whichever has run out.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), &'static str> {
        self.entries = self.entries.checked_sub(1).ok_or("entries")?;
        self.bytes = self.bytes.checked_sub(bytes).ok_or("bytes")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_image_gets_three_quarters_of_the_memory_as_far_as_the_host_can_limit() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:          100 kB\n";
        let cgroups = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t2\t1\nmemory\t5\t9\t1\npids\t6\t9\t1\n";
        let expected = RunLimits {
            memory: Some(6_144_000_000),
            pids: Some(4096),
            log: Some(16 << 20),
        };
        assert_eq!(RunLimits::of(meminfo, cgroups, ""), expected);
        let disabled = cgroups.replace("memory\t5\t9\t1", "memory\t0\t9\t0");
        let expected = RunLimits {
            memory: None,
            ..expected
        };
        assert_eq!(RunLimits::of(meminfo, &disabled, ""), expected);
        assert_eq!(RunLimits::of(meminfo, "", "cpu pids\n"), expected);
        assert_eq!(RunLimits::of(meminfo, cgroups, "cpu pids\n"), expected);
        assert_eq!(RunLimits::of("", "", "").pids, None);
    }
}
