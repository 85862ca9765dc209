//! The control groups of a container: their processes, and their removal.
//!
//! Source: cgroups(7); the kernel's admin-guide/cgroup-v2 (`cgroup.kill`, `memory.events`) and cgroup-v1/memory
//! (`memory.oom_control`).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cgroups;
use crate::runtime::shared::process;

/// How long killed processes may take to be gone.
const ENDING: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// The folders of a control group in all hierarchies that have it.
fn folders(cgroup: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = cgroups::hierarchies()?
        .iter()
        .map(|hierarchy| hierarchy.folder(cgroup))
        .filter(|folder| folder.is_dir())
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// A folder and all folders below it, parents first.
fn with_below(folder: &Path) -> Vec<PathBuf> {
    // A container may make groups of its own, as deep as it likes: no recursion.
    let mut all = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = all.get(next) {
        let inner = fs::read_dir(folder).into_iter().flatten().flatten();
        let inner: Vec<PathBuf> = inner
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        all.extend(inner);
        next += 1;
    }
    all
}

/// The processes in a control group and those below it.
fn pids(folders: &[PathBuf]) -> BTreeSet<i32> {
    let all = folders.iter().flat_map(|folder| with_below(folder));
    let texts = all.filter_map(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok());
    texts
        .flat_map(|text| {
            text.lines()
                .filter_map(|line| line.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// Kills every process of container `id`, whose control group is `cgroup`, and waits until they are gone.
pub(crate) fn kill_all(cgroup: &Path, id: &str) -> io::Result<()> {
    let begin = Instant::now();
    loop {
        let folders = folders(cgroup)?;
        let pids = pids(&folders);
        if pids.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > ENDING {
            return Err(io::Error::other(format!("processes {pids:?} do not end")));
        }
        for folder in &folders {
            // Version 2 only, since Linux 5.14. It catches processes that fork faster than they can be listed.
            let kill = folder.join("cgroup.kill");
            if kill.exists() {
                let _ = fs::write(kill, "1");
            }
        }
        for pid in pids {
            kill(pid, id);
        }
        sleep(LOOK);
    }
}

/// Kills a process of container `id`. The handle is taken before the check, so that a process which gets the number later
/// is not killed.
fn kill(pid: i32, id: &str) {
    let handle = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    if let Some(handle) = handle
        && process::belongs_to(pid.unsigned_abs(), id)
    {
        // It may have ended in between, which is what was wanted.
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// Removes an empty control group.
pub(crate) fn remove(cgroup: &Path) -> io::Result<()> {
    for folder in folders(cgroup)? {
        for folder in with_below(&folder).into_iter().rev() {
            remove_one(&folder)?;
        }
    }
    Ok(())
}

/// Removes one folder. The kernel reports EBUSY for a moment after the last process of a group has ended.
fn remove_one(folder: &Path) -> io::Result<()> {
    let begin = Instant::now();
    loop {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && begin.elapsed() < ENDING =>
            {
                sleep(LOOK);
            }
            other => return other,
        }
    }
}

/// Whether a control group is there.
pub(crate) fn exists(cgroup: &Path) -> bool {
    folders(cgroup).is_ok_and(|folders| !folders.is_empty())
}

/// Whether the kernel killed a process because the group was out of memory.
pub(crate) fn oom_killed(cgroup: &Path) -> bool {
    let texts = folders(cgroup)
        .unwrap_or_default()
        .into_iter()
        .flat_map(|folder| {
            // The names of version 2 and version 1; both have a line `oom_kill N`.
            ["memory.events", "memory.oom_control"]
                .map(|name| fs::read_to_string(folder.join(name)))
        });
    texts.flatten().any(|text| counts_kills(&text))
}

fn counts_kills(text: &str) -> bool {
    text.lines()
        .filter_map(|line| line.strip_prefix("oom_kill "))
        .any(|count| count.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_for_lack_of_memory_is_told_in_both_versions() {
        assert!(counts_kills(
            "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n"
        ));
        assert!(counts_kills(
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"
        ));
        assert!(!counts_kills(
            "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"
        ));
        assert!(!counts_kills(""));
    }
}
