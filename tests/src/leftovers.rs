//! What a run of minifier left behind. It must be nothing, however the run ended.

use std::fs;
use std::path::Path;

use anyhow::Result;
use xtask::command;
use xtask::docker::docker;

/// The label that minifier puts on the containers it creates.
const RUN_LABEL: &str = "org.minifier.run";
/// Where control groups may be mounted: v2, and v2 beside v1.
const CGROUP_ROOTS: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Containers of `image` that minifier created, its control groups without a process, and files
/// in `temporary`, the folder it was given for temporary files.
pub fn leftovers(image: &str, temporary: &Path) -> Result<Vec<String>> {
    let mut left = containers(image)?;
    left.extend(empty_cgroups());
    for entry in fs::read_dir(temporary)? {
        left.push(format!("file {}", entry?.path().display()));
    }
    Ok(left)
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
