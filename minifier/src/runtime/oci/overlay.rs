//! Mounting an image: its layers below a temporary writable one, in a mount namespace of its own.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, Timespec, Timestamps};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;

use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::cache::Unpacked;
use crate::tasks::returned;

/// Runs `work` in a thread with a mount namespace of its own. No other process sees its mounts, and they disappear with the
/// thread and the processes that it starts, however they end.
pub(crate) fn in_own_namespace<T: Send>(
    work: impl FnOnce() -> Result<T, RuntimeError> + Send,
) -> Result<T, RuntimeError> {
    let thread = || {
        // SAFETY: the thread is new and holds no pointers that the kernel would unshare; `FS` and `NEWNS` concern its
        // working directory and its mounts alone.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::FS | UnshareFlags::NEWNS) }
            .map_err(host("make a mount namespace"))?;
        // Mounts of the host still appear here, as in a container with `rslave`; mounts from here stay here. On most hosts
        // `/` is shared (systemd), and the image's mounts would be seen everywhere.
        let inwards = MountPropagationFlags::REC | MountPropagationFlags::DOWNSTREAM;
        mount_change("/", inwards).map_err(host("close the mount namespace"))?;
        work()
    };
    std::thread::scope(|scope| returned(scope.spawn(thread).join()))
}

/// Mounts the layers of `image` at `run/rootfs`; writes go to `run/upper`. The calling thread must have a mount namespace
/// of its own; its working directory changes.
pub(crate) fn mount_image(image: &Unpacked, run: &Path) -> Result<(), RuntimeError> {
    let doing = || format!("prepare {}", run.display());
    let make = |name: &str| {
        let mut builder = fs::DirBuilder::new();
        builder
            .mode(0o755)
            .create(run.join(name))
            .map_err(host::<io::Error>(doing()))
    };
    for name in ["l", "upper", "work", "rootfs"] {
        make(name)?;
    }
    // mount(2) takes a page of options, which is about 40 paths of layers. With links named `0`, `1`, … 500 fit, which is
    // the most that overlayfs stacks.
    let mut names = Vec::new();
    for (number, layer) in image.layers().enumerate() {
        symlink(layer, run.join("l").join(number.to_string())).map_err(host(doing()))?;
        names.push(number.to_string());
    }
    // An image without layers is valid, but overlayfs needs a lower directory.
    if names.is_empty() {
        make("l/0")?;
        set_time(&run.join("l/0"), 0, 0).map_err(host(doing()))?;
        names.push("0".to_owned());
    }
    names.reverse();
    // overlayfs shows the metadata of `upper` for the root directory; it must be that of the topmost layer.
    like(&run.join("l").join(&names[0]), &run.join("upper")).map_err(host(doing()))?;
    rustix::process::chdir(run.join("l")).map_err(host(doing()))?;
    // volatile (Linux 5.10): no fsync, since nothing has to survive. index and metacopy off, so that the mount does
    // not depend on how the kernel was built.
    let options = format!(
        "lowerdir={},upperdir=../upper,workdir=../work,index=off,metacopy=off,volatile",
        names.join(":")
    );
    let options = CString::new(options).unwrap_or_else(|_| unreachable!("numbers hold no NUL"));
    let flags = MountFlags::empty();
    mount(
        "overlay",
        "../rootfs",
        "overlay",
        flags,
        Some(options.as_c_str()),
    )
    .map_err(|error| {
        // The kernel reports EINVAL for too many layers, and for an upper directory on overlayfs or NFS; only its log
        // distinguishes them.
        if error == rustix::io::Errno::INVAL {
            return RuntimeError::CacheFolder {
                path: image.cache().folder().to_owned(),
                reason: format!(
                    "overlayfs cannot put {} layers together there, or cannot write there",
                    names.len()
                ),
            };
        }
        host(format!("mount the image's {} layers", names.len()))(error)
    })
}

/// Copies owner, mode, extended attributes and modification time.
fn like(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(from)?;
    std::os::unix::fs::chown(to, Some(meta.uid()), Some(meta.gid()))?;
    rustix::fs::chmod(to, Mode::from_raw_mode(meta.mode() & 0o7777))?;
    let mut list = Vec::with_capacity(64 << 10);
    rustix::fs::listxattr(from, rustix::buffer::spare_capacity(&mut list))?;
    for name in list.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = Vec::with_capacity(64 << 10);
        rustix::fs::getxattr(from, name, rustix::buffer::spare_capacity(&mut value))?;
        rustix::fs::setxattr(to, name, &value, rustix::fs::XattrFlags::empty())?;
    }
    set_time(to, meta.mtime(), meta.mtime_nsec())
}

fn set_time(path: &Path, tv_sec: i64, tv_nsec: i64) -> io::Result<()> {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        rustix::fs::CWD,
        path,
        &times,
        AtFlags::empty(),
    )?)
}
