//! What a run of minifier left behind. It must be nothing, however the run ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use aya::programs::loaded_programs;
use xtask::command;
use xtask::docker::docker;

/// The label that minifier puts on the containers it creates.
const RUN_LABEL: &str = "org.minifier.run";
/// Where control groups may be mounted: v2, and v2 beside v1.
const CGROUP_ROOTS: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The kernel cuts the names of programs at that many bytes.
const PROGRAM_NAME: usize = 15;
/// The kernel frees a program some time after its owner has ended, and another minifier may run
/// on this host meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// What there was before a run.
#[derive(Debug)]
pub struct Before {
    programs: BTreeSet<u32>,
}

impl Before {
    /// To be taken before the run.
    pub fn now() -> Self {
        Self {
            programs: programs(),
        }
    }

    /// Whether programs are in the kernel now that were not before.
    pub fn has_new_programs(&self) -> bool {
        !programs().is_subset(&self.programs)
    }

    /// What is there after the run and was not before: containers of `image` that minifier
    /// created, its control groups without a process, its programs in the kernel, and files in
    /// `temporary`, the folder it was given for temporary files.
    pub fn leftovers(&self, image: &str, temporary: &Path) -> Result<Vec<String>> {
        let mut left = containers(image)?;
        left.extend(empty_cgroups());
        left.extend(self.lasting_programs());
        for entry in fs::read_dir(temporary)? {
            left.push(format!("file {}", entry?.path().display()));
        }
        Ok(left)
    }

    /// New programs that do not go away.
    fn lasting_programs(&self) -> Vec<String> {
        let start = Instant::now();
        let mut new: BTreeSet<u32> = programs().difference(&self.programs).copied().collect();
        while !new.is_empty() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
            new = new.intersection(&programs()).copied().collect();
        }
        new.iter()
            .map(|id| format!("program {id} in the kernel"))
            .collect()
    }
}

/// The ids of the loaded programs that are named like minifier's.
fn programs() -> BTreeSet<u32> {
    // One that goes away during the walk is an error of that item.
    loaded_programs()
        .flatten()
        .filter(|program| {
            let name = program.name_as_str().unwrap_or_default();
            is_of_a_trace(name)
        })
        .map(|program| program.id())
        .collect()
}

fn is_of_a_trace(program: &str) -> bool {
    let mut names = minifier::trace::program_names();
    names.any(|name| name.get(..PROGRAM_NAME).unwrap_or(name) == program)
}

fn containers(image: &str) -> Result<Vec<String>> {
    let mut list = docker();
    list.args([
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("label={RUN_LABEL}"),
    ]);
    let printed = command::capture(list.args(["--filter", &format!("ancestor={image}")]))?;
    Ok(printed
        .lines()
        .map(|id| format!("container {id}"))
        .collect())
}

/// Top-level groups named after minifier; one that holds a process belongs to a run that goes on.
fn empty_cgroups() -> Vec<String> {
    let mut left = Vec::new();
    for root in CGROUP_ROOTS {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let path = entry.path();
            let named = entry.file_name().to_string_lossy().starts_with("minifier");
            if named && path.join("cgroup.procs").exists() && !has_process(&path) {
                left.push(format!("control group {}", path.display()));
            }
        }
    }
    left
}

fn has_process(group: &Path) -> bool {
    if fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty()) {
        return true;
    }
    let children = fs::read_dir(group).into_iter().flatten().flatten();
    children
        .map(|child| child.path())
        .any(|child| child.is_dir() && has_process(&child))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_both_sources_are_known_by_the_names_that_the_kernel_cuts() {
        for name in [
            "sys_exit",
            "sys_exit_4",
            "sched_process_e",
            "io_uring_submit",
            "security_file_o",
            "file_open",
        ] {
            assert!(is_of_a_trace(name), "{name}");
        }
        assert!(!is_of_a_trace("sd_devices"));
    }

    #[test]
    fn group_with_a_process_in_a_child_is_in_use() {
        let root = tempfile::tempdir().unwrap();
        let child = root.path().join("child");
        fs::create_dir(&child).unwrap();
        fs::write(root.path().join("cgroup.procs"), "").unwrap();
        fs::write(child.join("cgroup.procs"), "").unwrap();
        assert!(!has_process(root.path()));
        fs::write(child.join("cgroup.procs"), "1\n").unwrap();
        assert!(has_process(root.path()));
    }
}
