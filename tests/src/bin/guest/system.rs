//! From a kernel that has just started to a system that containers can run on.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Context, Result};
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_move,
};

/// Mounts what a system has, loads the modules that the host chose, makes the root one that can be pivoted from.
pub(crate) fn prepare() -> Result<()> {
    movable_root().context("make the root a mount of its own")?;
    attach("proc", "/proc")?;
    attach("sysfs", "/sys")?;
    attach("devtmpfs", "/dev")?;
    for folder in ["/tmp", "/run", "/var"] {
        attach("tmpfs", folder)?;
    }
    attach("cgroup2", "/sys/fs/cgroup")?;
    // Tells about lockdown and security modules; not every kernel has it.
    let _ = attach("securityfs", "/sys/kernel/security");
    symlink("/proc/self/fd", "/dev/fd").context("link /dev/fd")?;
    modules()
}

/// A file system of that kind at that place.
pub(crate) fn attach(kind: &str, at: &str) -> Result<()> {
    fs::create_dir_all(at).with_context(|| format!("create {at}"))?;
    mount(kind, at, kind, MountFlags::empty(), None)
        .with_context(|| format!("mount {kind} at {at}"))
}

/// `pivot_root` refuses the root that the kernel starts with, as nothing is below it.
fn movable_root() -> Result<()> {
    fs::create_dir_all("/below")?;
    mount_bind_recursive("/", "/below")?;
    rustix::process::chdir("/below")?;
    mount_move(".", "/")?;
    rustix::process::chroot(".")?;
    rustix::process::chdir("/")?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    Ok(())
}

/// Loads /modules/*.ko in the order of their names.
fn modules() -> Result<()> {
    let Ok(folder) = fs::read_dir("/modules") else {
        return Ok(());
    };
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let module = fs::File::open(&file)?;
        match rustix::system::finit_module(&module, c"", 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error).with_context(|| format!("load {}", file.display())),
        }
    }
    Ok(())
}

/// Ends the machine.
pub(crate) fn power_off() -> ! {
    rustix::fs::sync();
    let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    // The first process must not end: the kernel would panic.
    loop {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
