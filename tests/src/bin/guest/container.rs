//! Containers made by hand: an overlay over a folder as the root, a mount namespace, a control group named as Docker
//! with systemd names it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// The program that this is.
const SELF: &str = "/proc/self/exe";

/// A container that does not run yet; its first process is [`spawn`](Self::spawn)ed.
pub(crate) struct Container {
    pub(crate) id: String,
    root: PathBuf,
    group: PathBuf,
}

impl Container {
    /// With the tree at `image` below an overlay of its own.
    pub(crate) fn new(id: &str, image: &Path) -> Result<Self> {
        let folder = Path::new("/run/containers").join(id);
        let [root, upper, work] = ["root", "upper", "work"].map(|name| folder.join(name));
        for folder in [&root, &upper, &work] {
            fs::create_dir_all(folder)?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            image.display(),
            upper.display(),
            work.display()
        );
        let options = std::ffi::CString::new(options)?;
        mount(
            "overlay",
            &root,
            "overlay",
            MountFlags::empty(),
            Some(options.as_c_str()),
        )
        .context("mount the overlay")?;
        for name in ["proc", "dev", "tmp"] {
            fs::create_dir_all(root.join(name))?;
        }
        mount("proc", root.join("proc"), "proc", MountFlags::empty(), None)?;
        mount(
            "tmpfs",
            root.join("dev"),
            "tmpfs",
            MountFlags::empty(),
            None,
        )?;
        mount(
            "tmpfs",
            root.join("tmp"),
            "tmpfs",
            MountFlags::empty(),
            None,
        )?;
        symlink("/proc/self/fd", root.join("dev/fd"))?;
        let group = PathBuf::from(format!("/sys/fs/cgroup/docker-{id}.scope"));
        fs::create_dir_all(&group).context("create the control group")?;
        Ok(Self {
            id: id.to_owned(),
            root,
            group,
        })
    }

    /// Starts its first process; standard output and error are pipes.
    pub(crate) fn spawn(&self, program: &[&str]) -> Result<Child> {
        Command::new(SELF)
            .arg("enter")
            .args([self.group.as_os_str(), self.root.as_os_str()])
            .args(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the container")
    }

    /// Starts it and waits for its end.
    pub(crate) fn run(&self, program: &[&str]) -> Result<String> {
        output(self.spawn(program)?.wait_with_output()?)
    }

    /// Runs a program in it as `docker exec` does.
    pub(crate) fn exec(&self, first: &Child, program: &[&str]) -> Result<String> {
        Self::joined(self.group.as_os_str(), first, program)
    }

    /// Runs a program in its mount namespace alone, as `nsenter` does.
    pub(crate) fn nsenter(&self, first: &Child, program: &[&str]) -> Result<String> {
        Self::joined(OsStr::new("-"), first, program)
    }

    fn joined(group: &OsStr, first: &Child, program: &[&str]) -> Result<String> {
        let joined = Command::new(SELF)
            .arg("join")
            .arg(group)
            .arg(first.id().to_string())
            .args(program)
            .stdin(Stdio::null())
            .output()?;
        output(joined)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for name in ["proc", "dev", "tmp", ""] {
            let _ = unmount(self.root.join(name), UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir(&self.group);
    }
}

fn output(output: Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// `guest enter GROUP ROOT PROGRAM…`: what a runtime does before it executes the container's program.
pub(crate) fn enter(words: &[&OsStr]) -> Result<()> {
    let [group, root, program, arguments @ ..] = words else {
        bail!("guest enter GROUP ROOT PROGRAM…")
    };
    fs::write(Path::new(group).join("cgroup.procs"), "0").context("enter the control group")?;
    // SAFETY: no file descriptors are unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("unshare")?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    rustix::process::chdir(*root)?;
    rustix::process::pivot_root(".", ".").context("pivot the root")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    let error = Command::new(program)
        .args(arguments)
        .env("PATH", "/")
        .exec();
    Err(error).context("execute the container's program")
}

/// `guest join GROUP PID PROGRAM…`: a program in the mount namespace of a process, and in that control group unless
/// it is `-`.
pub(crate) fn join(words: &[&OsStr]) -> Result<()> {
    let [group, pid, program, arguments @ ..] = words else {
        bail!("guest join GROUP PID PROGRAM…")
    };
    if *group != "-" {
        fs::write(Path::new(group).join("cgroup.procs"), "0").context("enter the control group")?;
    }
    let namespace = fs::File::open(Path::new("/proc").join(pid).join("ns/mnt"))?;
    move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&namespace),
        Some(LinkNameSpaceType::Mount),
    )
    .context("enter the mount namespace")?;
    let error = Command::new(program)
        .args(arguments)
        .env("PATH", "/")
        .exec();
    Err(error).context("execute the program")
}
