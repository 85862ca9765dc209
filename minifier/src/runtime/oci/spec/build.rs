//! [`build`]: the whole of `config.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    Linux, LinuxBuilder, LinuxDeviceCgroup, LinuxDeviceCgroupBuilder, LinuxDeviceType,
    LinuxMemoryBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType,
    LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder, Mount, MountBuilder, PosixRlimit,
    PosixRlimitBuilder, PosixRlimitType, Process, ProcessBuilder, RootBuilder, Spec, SpecBuilder,
    UserBuilder,
};

use super::command::ContainerCommand;
use super::mounts::{Network, Storage, StoragePlace, Volumes};
use super::users::Ids;
use super::{caps, failed, seccomp};
use crate::rootfs::ImagePath;
use crate::runtime::error::RuntimeError;
use crate::runtime::options::{RunLimits, RunOptions};

/// The input of [`build`].
#[derive(Debug)]
pub(crate) struct SpecRequest<'a> {
    pub(crate) command: &'a ContainerCommand,
    pub(crate) ids: &'a Ids,
    pub(crate) options: &'a RunOptions,
    pub(crate) limits: &'a RunLimits,
    pub(crate) capabilities: &'a BTreeSet<&'static str>,
    pub(crate) hostname: &'a str,
    pub(crate) network: &'a Network,
    pub(crate) places: &'a [StoragePlace],
    pub(crate) volumes: &'a Volumes,
    /// Files that are mounted over the image's, with their places.
    pub(crate) files: &'a [(PathBuf, ImagePath)],
    /// The mount point of the image.
    pub(crate) root: &'a Path,
    /// The container's control group, from the root of each hierarchy.
    pub(crate) cgroup: &'a Path,
}

/// Docker's limit of open files for a process. Not the host's: some programs close every descriptor up to the limit, which
/// takes minutes with a limit of 2^30.
const OPEN_FILES: u64 = 1 << 20;
const SHM: i64 = 64 << 20;

/// Files of the kernel that show or control the host (Docker's list).
const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Builds the whole spec, as it is written to `config.json`.
pub(crate) fn build(request: &SpecRequest<'_>) -> Result<Spec, RuntimeError> {
    let root = RootBuilder::default()
        .path(request.root)
        .readonly(request.options.read_only)
        .build()
        .map_err(failed)?;
    SpecBuilder::default()
        .version("1.0.2")
        .root(root)
        .mounts(mounts(request)?)
        .process(process(request.command, request.ids, request.capabilities)?)
        .hostname(request.hostname)
        .linux(linux(request)?)
        .build()
        .map_err(failed)
}

/// A further process of the container, for `exec`.
pub(crate) fn exec_process(
    command: &ContainerCommand,
    ids: &Ids,
    capabilities: &BTreeSet<&'static str>,
) -> Result<Process, RuntimeError> {
    process(command, ids, capabilities)
}

fn process(
    command: &ContainerCommand,
    ids: &Ids,
    capabilities: &BTreeSet<&'static str>,
) -> Result<Process, RuntimeError> {
    let user = UserBuilder::default()
        .uid(ids.uid)
        .gid(ids.gid)
        .additional_gids(ids.groups.clone())
        .build()
        .map_err(failed)?;
    let mut env = command.env.clone();
    // Docker sets HOME itself. Set here, it does not depend on what a runtime does with a process that has none.
    if !env.iter().any(|variable| variable.starts_with("HOME=")) {
        env.push(format!("HOME={}", ids.home));
    }
    ProcessBuilder::default()
        .terminal(false)
        .user(user)
        .args(command.args.clone())
        .env(env)
        .cwd(&command.cwd)
        .capabilities(caps::sets(capabilities, ids.uid == 0)?)
        .rlimits(vec![open_files()?])
        .no_new_privileges(false)
        .build()
        .map_err(failed)
}

/// Docker's limit, or the hard limit of this process if that is lower: raising it takes CAP_SYS_RESOURCE.
fn open_files() -> Result<PosixRlimit, RuntimeError> {
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let limit = own.maximum.unwrap_or(OPEN_FILES).min(OPEN_FILES);
    PosixRlimitBuilder::default()
        .typ(PosixRlimitType::RlimitNofile)
        .soft(limit)
        .hard(limit)
        .build()
        .map_err(failed)
}

fn linux(request: &SpecRequest<'_>) -> Result<Linux, RuntimeError> {
    let mut sysctls: BTreeMap<String, String> = BTreeMap::new();
    if *request.network != Network::Host {
        // Docker's defaults since 20.10: port 80 and ping without root.
        sysctls.insert("net.ipv4.ip_unprivileged_port_start".into(), "0".into());
        sysctls.insert("net.ipv4.ping_group_range".into(), "0 2147483647".into());
    }
    sysctls.extend(request.options.sysctls.clone());
    let owned = |list: &[&str]| {
        list.iter()
            .map(|path| (*path).to_owned())
            .collect::<Vec<_>>()
    };
    LinuxBuilder::default()
        .sysctl(
            sysctls
                .into_iter()
                .collect::<std::collections::HashMap<_, _>>(),
        )
        .resources(resources(request.limits)?)
        .cgroups_path(request.cgroup)
        .namespaces(namespaces(request.network)?)
        .seccomp(seccomp::profile(request.capabilities)?)
        .masked_paths(owned(&MASKED))
        .readonly_paths(owned(&READ_ONLY))
        .build()
        .map_err(failed)
}

fn namespaces(network: &Network) -> Result<Vec<LinuxNamespace>, RuntimeError> {
    let mut kinds = vec![
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
    ];
    if Path::new("/proc/self/ns/cgroup").exists() {
        kinds.push(LinuxNamespaceType::Cgroup);
    }
    let new = |kind| LinuxNamespaceBuilder::default().typ(kind);
    let mut list = Vec::new();
    for kind in kinds {
        list.push(new(kind).build().map_err(failed)?);
    }
    let own = new(LinuxNamespaceType::Network);
    match network {
        Network::Private => list.push(own.build().map_err(failed)?),
        Network::Path(path) => list.push(own.path(path).build().map_err(failed)?),
        Network::Host => {}
    }
    Ok(list)
}

fn resources(limits: &RunLimits) -> Result<LinuxResources, RuntimeError> {
    // Everything is denied but null, zero, full, random, urandom, tty and console; the runtime adds the terminals. The
    // image's own device nodes exist, but cannot be opened.
    let devices = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1)];
    let mut rules = vec![device(false, None)?];
    for numbers in devices {
        rules.push(device(true, Some(numbers))?);
    }
    let mut resources = LinuxResourcesBuilder::default().devices(rules);
    if let Some(bytes) = limits.memory {
        let memory = LinuxMemoryBuilder::default().limit(bytes).build();
        resources = resources.memory(memory.map_err(failed)?);
    }
    if let Some(pids) = limits.pids {
        let pids = LinuxPidsBuilder::default().limit(pids).build();
        resources = resources.pids(pids.map_err(failed)?);
    }
    resources.build().map_err(failed)
}

fn device(allow: bool, numbers: Option<(i64, i64)>) -> Result<LinuxDeviceCgroup, RuntimeError> {
    let mut rule = LinuxDeviceCgroupBuilder::default()
        .allow(allow)
        .access("rwm");
    if let Some((major, minor)) = numbers {
        rule = rule.typ(LinuxDeviceType::C).major(major).minor(minor);
    }
    rule.build().map_err(failed)
}

fn mounts(request: &SpecRequest<'_>) -> Result<Vec<Mount>, RuntimeError> {
    let shm = format!("size={}", request.options.shm_size.unwrap_or(SHM));
    let system: [(&str, &str, &str, &[&str]); 7] = [
        ("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        (
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        (
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        (
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
        (
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["ro", "nosuid", "noexec", "nodev"],
        ),
        (
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        (
            "/dev/shm",
            "tmpfs",
            "shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &shm],
        ),
    ];
    let taken = |target: &ImagePath| request.places.iter().any(|place| place.target == *target);
    let mut mounts = Vec::new();
    for (target, kind, source, options) in system {
        // A place of the user's can only be `/dev/shm`: the others are refused as destinations.
        if !taken(&target.into()) {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            mounts.push(mount(Path::new(target), kind, Path::new(source), options)?);
        }
    }
    for (number, place) in request.places.iter().enumerate() {
        mounts.push(of_place(place, request.volumes.get(&number))?);
    }
    for (source, target) in request.files {
        // The user's own `--mount …,target=/etc/hosts` wins, as with Docker.
        if !taken(target) {
            let options = vec!["rbind".to_owned(), "rprivate".to_owned()];
            mounts.push(mount(host_path(target), "bind", source, options)?);
        }
    }
    Ok(mounts)
}

fn of_place(place: &StoragePlace, volume: Option<&PathBuf>) -> Result<Mount, RuntimeError> {
    let target = host_path(&place.target);
    let (kind, source, mut options) = match &place.storage {
        Storage::Bind {
            source,
            recursive,
            propagation,
        } => {
            let how = if *recursive { "rbind" } else { "bind" };
            (
                "bind",
                PathBuf::from(source),
                vec![how.to_owned(), propagation.clone()],
            )
        }
        Storage::Volume { .. } => {
            let folder = volume.cloned().unwrap_or_default();
            (
                "bind",
                folder,
                vec!["rbind".to_owned(), "rprivate".to_owned()],
            )
        }
        Storage::Tmpfs { options } => ("tmpfs", PathBuf::from("tmpfs"), options.clone()),
    };
    if place.read_only {
        options.push("ro".to_owned());
    }
    mount(target, kind, &source, options)
}

/// A path of the image as the runtime's config has it.
fn host_path(path: &ImagePath) -> &Path {
    Path::new(OsStr::from_bytes(path.as_bytes()))
}

fn mount(
    target: &Path,
    kind: &str,
    source: &Path,
    options: Vec<String>,
) -> Result<Mount, RuntimeError> {
    MountBuilder::default()
        .destination(target)
        .typ(kind)
        .source(source)
        .options(options)
        .build()
        .map_err(failed)
}
