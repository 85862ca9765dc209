//! [`Scope`]: decides for the kernel side which tasks are the container's: by its control groups once they are known, by
//! their names before that.
//!
//! Source: cgroups(7), proc_pid_cgroup(5).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError};
use minifier_common::record::{Group, LEAF_MAX};

use super::error::TraceError;
use super::programs::map;
use crate::cgroups::{self, Hierarchy};

/// Names of a container's control group, before and after its id: cgroupfs (Docker, runc), then systemd's scopes of Docker,
/// Podman, CRI-O and containerd, then Podman and CRI-O with cgroupfs.
const LEAVES: [(&str, &str); 7] = [
    ("", ""),
    ("docker-", ".scope"),
    ("libpod-", ".scope"),
    ("crio-", ".scope"),
    ("cri-containerd-", ".scope"),
    ("libpod-", ""),
    ("crio-", ""),
];

/// See the module.
#[derive(Debug)]
pub(crate) struct Scope {
    leaves: HashMap<MapData, [u8; LEAF_MAX], u32>,
    /// [`Group`]s in their order of members.
    groups: HashMap<MapData, [u64; 2], u32>,
    /// Possible names of the container's control group.
    names: Vec<String>,
}

/// Whether the kernel side has taken the right control group for the container's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// It has, or the group was known before.
    Right,
    /// It has taken another group of the same name.
    Wrong,
    /// Not known: the container's process had ended before it could be asked.
    Unknown,
}

impl Scope {
    /// Takes the maps out of the object.
    pub(crate) fn new(ebpf: &mut Ebpf) -> Result<Self, TraceError> {
        Ok(Self {
            leaves: map(ebpf, "LEAVES")?,
            groups: map(ebpf, "GROUPS")?,
            names: Vec::new(),
        })
    }

    /// Follows the container with that id, by the possible names of its control group.
    pub(crate) fn name(&mut self, container: &str) -> Result<(), TraceError> {
        for (before, after) in LEAVES {
            let name = [before, container, after].concat();
            let mut key = [0; LEAF_MAX];
            // The last byte stays 0: the kernel side reads names with their NUL, and a name that was cut would match others.
            match key[..LEAF_MAX - 1].get_mut(..name.len()) {
                // An empty id would make names that are no container's.
                Some(start) if !container.is_empty() => start.copy_from_slice(name.as_bytes()),
                _ => return Err(TraceError::ContainerId(container.to_owned())),
            }
            self.leaves.insert(key, 1, 0).map_err(failed("LEAVES"))?;
            self.names.push(name);
        }
        Ok(())
    }

    /// Follows only the control groups of `process`, a process of the container. Names do not count any more: anybody can
    /// give a group the container's name.
    pub(crate) fn know(&mut self, process: u32) -> Result<Guess, TraceError> {
        let groups = groups_of(process, &self.names);
        if groups.is_empty() {
            return Ok(Guess::Unknown);
        }
        // In this order: as long as they are not known, names count as well, so that no task is missed in between.
        for group in &groups {
            self.insert(*group)?;
        }
        self.insert(Group::KNOWN)?;
        let known = [[Group::KNOWN].as_slice(), &groups].concat();
        let taken: Result<Vec<[u64; 2]>, MapError> = self.groups.keys().collect();
        let mut right = true;
        for key in taken.map_err(failed("GROUPS"))? {
            if !known.iter().any(|group| key_of(*group) == key) {
                right = false;
                self.groups.remove(&key).map_err(failed("GROUPS"))?;
            }
        }
        Ok(if right { Guess::Right } else { Guess::Wrong })
    }

    fn insert(&mut self, group: Group) -> Result<(), TraceError> {
        self.groups
            .insert(key_of(group), 1, 0)
            .map_err(failed("GROUPS"))
    }
}

fn key_of(group: Group) -> [u64; 2] {
    [group.inode, group.hierarchy]
}

fn failed(map: &'static str) -> impl Fn(MapError) -> TraceError {
    move |source| TraceError::Map {
        map,
        source: Box::new(source),
    }
}

/// The control groups with one of these names that a process is in or below. There may be none in some hierarchies. Empty
/// if they cannot be found from here, as inside a control group namespace.
fn groups_of(process: u32, names: &[String]) -> Vec<Group> {
    let mounts = cgroups::hierarchies().unwrap_or_default();
    let lines = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    let inode = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.ino());
    let groups = lines
        .lines()
        .filter_map(|line| group(line, names, &mounts, inode));
    groups.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The group of one of these names in a line of a process's list: `4:memory:/docker/id`, `0::/docker/id/init`.
fn group(
    line: &str,
    names: &[String],
    mounts: &[Hierarchy],
    inode: impl Fn(&Path) -> Option<u64>,
) -> Option<Group> {
    let mut fields = line.splitn(3, ':');
    let hierarchy = fields.next()?.parse().ok()?;
    let controllers = fields.next()?;
    let below = fields.next()?.strip_prefix('/')?;
    // systemd in the container, and some runtimes, put its processes into groups below its own.
    let mut above = Path::new(below).ancestors();
    let below = above.find(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| names.iter().any(|one| one == name))
    })?;
    // `/../…`: outside of this process's namespace of control groups, where there is no folder to look at.
    if below.starts_with("..") {
        return None;
    }
    let mount = mounts.iter().find(|mount| {
        // In a container, a hierarchy may be mounted from the container's own group: paths from the root lead elsewhere.
        mount.whole
            && match hierarchy {
                0 => mount.is_unified(),
                _ => mount.controls(controllers),
            }
    })?;
    Some(Group {
        inode: inode(&mount.folder(below))?,
        hierarchy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"\
        30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
        31 30 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
        32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        33 30 0:29 /part /mnt/part rw - cgroup2 cgroup2 rw\n\
        34 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
        35 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";

    fn found(line: &str) -> Option<(String, u64)> {
        let path = std::cell::RefCell::new(String::new());
        let names = ["id".to_owned(), "docker-id.scope".to_owned()];
        let group = group(line, &names, &cgroups::parse(MOUNTS), |at| {
            *path.borrow_mut() = at.display().to_string();
            Some(7)
        })?;
        assert_eq!(group.inode, 7);
        Some((path.into_inner(), group.hierarchy))
    }

    #[test]
    fn a_group_is_found_in_each_kind_of_hierarchy() {
        for (line, path, hierarchy) in [
            ("0::/docker/id", "/sys/fs/cgroup/unified/docker/id", 0),
            ("4:memory:/id", "/sys/fs/cgroup/memory/id", 4),
            (
                "2:cpu,cpuacct:/a/id/init",
                "/sys/fs/cgroup/cpu,cpuacct/a/id",
                2,
            ),
            (
                "0::/system.slice/docker-id.scope",
                "/sys/fs/cgroup/unified/system.slice/docker-id.scope",
                0,
            ),
            ("1:name=systemd:/id", "/sys/fs/cgroup/systemd/id", 1),
        ] {
            assert_eq!(found(line), Some((path.to_owned(), hierarchy)), "{line}");
        }
    }

    #[test]
    fn groups_of_other_names_and_outside_are_not_the_containers() {
        for line in [
            "0::/",
            "0::/other",
            "0::/../id",
            "9:pids:/id",
            "",
            "x:memory:/id",
            "4:memory",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
