//! What runs of minifier left behind. It must be nothing, however they ended.
//!
//! Runs go on side by side: [`of_run`] looks for what bears the name of one of them, [`of_machine`] for all else, once
//! nothing runs any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aya::programs::loaded_programs;
use minifier::runtime::{RUN_LABEL, RunId};
use xtask::command;
use xtask::docker::docker;

/// Where control groups may be mounted: v2, and v2 beside v1.
const CGROUP_ROOTS: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The kernel cuts the names of programs at that many bytes.
const PROGRAM_NAME: usize = 15;
/// The kernel frees a program some time after its owner has ended, and another minifier may run on this host meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the run of the process `pid`, which has ended, left: its containers in Docker, and files in `temporary`, the
/// folder it was given for temporary files.
pub fn of_run(pid: u32, temporary: &Path) -> Result<Vec<String>> {
    let is_its = |run: &RunId| u32::try_from(run.pid()) == Ok(pid);
    let mut left: Vec<String> = containers()?
        .into_iter()
        .filter(|(_, run)| is_its(run))
        .map(|(id, _)| format!("container {id}"))
        .collect();
    for entry in fs::read_dir(temporary)? {
        left.push(format!("file {}", entry?.path().display()));
    }
    Ok(left)
}

/// What is on this machine of any run, although none goes on: containers in Docker, control groups of containers
/// without a process, programs in the kernel.
pub fn of_machine() -> Result<Vec<String>> {
    let containers = containers()?.into_iter();
    let mut left: Vec<String> = containers
        .map(|(id, run)| format!("container {id} of run {run}"))
        .collect();
    left.extend(empty_cgroups());
    left.extend(lasting_programs());
    Ok(left)
}

/// Programs that do not go away.
fn lasting_programs() -> Vec<String> {
    let start = Instant::now();
    let mut left = programs();
    while !left.is_empty() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
        left = left.intersection(&programs()).copied().collect();
    }
    left.iter()
        .map(|id| format!("program {id} in the kernel"))
        .collect()
}

/// The ids of the programs in the kernel that are named like minifier's.
pub fn programs() -> BTreeSet<u32> {
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

/// The containers that runs of minifier made, each with its run.
fn containers() -> Result<Vec<(String, RunId)>> {
    let mut list = docker();
    list.args(["ps", "--all", "--filter", &format!("label={RUN_LABEL}")]);
    list.args([
        "--format",
        &format!("{{{{.ID}}}} {{{{.Label \"{RUN_LABEL}\"}}}}"),
    ]);
    let printed = command::capture(&mut list)?;
    let container = |line: &str| {
        let (id, run) = line.split_once(' ')?;
        Some((id.to_owned(), RunId::parse(run)?))
    };
    printed
        .lines()
        .map(|line| container(line).with_context(|| format!("no container of a run: {line}")))
        .collect()
}

/// Groups that OCI runtimes made for containers of minifier, whose names are their ids, and that nobody is in.
fn empty_cgroups() -> Vec<String> {
    let mut left = Vec::new();
    for root in CGROUP_ROOTS {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_id(&entry.file_name().to_string_lossy()) && !has_process(&path) {
                left.push(format!("control group {}", path.display()));
            }
        }
    }
    left
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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
    use minifier::trace::{TraceOptions, Tracer};

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

    /// The programs that this process holds, whatever they are called.
    fn held() -> BTreeSet<u32> {
        let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
        let infos = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
        infos
            .filter_map(|info| {
                let id = info
                    .lines()
                    .find_map(|line| line.strip_prefix("prog_id:"))?;
                id.trim().parse().ok()
            })
            .collect()
    }

    #[tokio::test]
    async fn privileged_every_program_of_a_trace_that_stays_is_seen() {
        let tracer = Tracer::attach(TraceOptions::default()).await.unwrap();
        let held = held();
        // One for each tracepoint at least.
        assert!(held.len() >= 4, "{held:?}");
        let seen = programs();
        let unseen: Vec<_> = held.difference(&seen).collect();
        assert!(unseen.is_empty(), "{unseen:?} of {held:?}");
        drop(tracer);
    }

    #[test]
    fn docker_a_container_of_a_run_is_seen_as_its_own() {
        let run = RunId::new().unwrap();
        let mut create = docker();
        create.args([
            "create",
            "--pull=never",
            "--label",
            &format!("{RUN_LABEL}={run}"),
        ]);
        let image = crate::fixture("static").unwrap().image();
        let id = command::capture(create.arg(image)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let own = of_run(std::process::id(), folder.path());
        let of_others = of_run(1, folder.path());
        command::capture(docker().args(["rm", id.trim()])).unwrap();
        assert!(matches!(&own.unwrap()[..], [one] if id.starts_with(&one["container ".len()..])));
        assert!(of_others.unwrap().is_empty());
    }

    #[test]
    fn privileged_an_empty_group_of_a_container_is_seen() {
        let root = CGROUP_ROOTS
            .iter()
            .rfind(|root| Path::new(root).join("cgroup.controllers").exists())
            .unwrap();
        let group = Path::new(root).join("0f".repeat(32));
        fs::create_dir(&group).unwrap();
        let left = empty_cgroups();
        fs::remove_dir(&group).unwrap();
        let found = format!("control group {}", group.display());
        assert!(left.contains(&found), "{left:?}");
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
