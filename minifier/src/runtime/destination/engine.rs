//! The mounts of an engine, and the files that it reads from the image: both checked before the engine follows links.

use std::io;
use std::path::Path;

use super::arrange;
use super::arrange::{Arranged, Landed};
use super::error::DestinationError;
use super::resolve::{Tree, TreeEntry, destination, working_directory};
use super::wishes::{MountContent, Wish, WishOrigin, of_system, quoted};
use crate::image::ImageConfig;
use crate::rootfs::{ImagePath, RootFs};
use crate::runtime::error::RuntimeError;
use crate::runtime::options::{Mount, MountKind, RunOptions, Volume};

/// Files that engines mount over the image's.
pub(crate) const SYSTEM_FILES: [&str; 3] = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

/// The place of an engine's file that is mounted over the image's `path`, one of [`SYSTEM_FILES`].
pub(crate) fn system_file(tree: &dyn Tree, path: &str) -> Result<ImagePath, DestinationError> {
    let landing = destination(tree, &path.into())?;
    match landing.entry {
        TreeEntry::Directory => Err(DestinationError::Directory(landing.path)),
        _ => Ok(landing.path),
    }
}

/// Checks the files that runtimes read inside the container, where the kernel's files are mounted. A link to `/dev/zero`
/// would be read for ever, and a pipe would block the runtime until somebody writes to it.
pub(crate) fn check_databases(tree: &dyn Tree) -> Result<(), RuntimeError> {
    for path in ["/etc/passwd", "/etc/group"] {
        let path = ImagePath::from(path);
        let wrong = match destination(tree, &path) {
            Err(DestinationError::System(end)) => format!("it leads to {end}"),
            Ok(landing) if matches!(landing.entry, TreeEntry::Directory | TreeEntry::Other) => {
                "it is not a regular file".to_owned()
            }
            // Runtimes work without one: numeric users need none.
            _ => continue,
        };
        let source = io::Error::new(io::ErrorKind::InvalidData, wrong);
        return Err(RuntimeError::ImageFile { path, source });
    }
    Ok(())
}

/// The working directory that the image or an option names, resolved.
pub(crate) fn work_at(
    tree: &dyn Tree,
    origin: WishOrigin,
    path: &str,
) -> Result<ImagePath, RuntimeError> {
    let target = ImagePath::new(path);
    working_directory(tree, &target).map_err(|source| {
        let what = match origin {
            WishOrigin::Image => format!("use the image's WORKDIR {}", quoted(&target)),
            WishOrigin::Option => format!("use --workdir {}", quoted(&target)),
        };
        origin.error(what, &target, source)
    })
}

/// Checks an image before the Docker daemon, which follows its links by itself, runs it. `wishes` are those of [`wishes`];
/// returns their places.
pub(crate) fn check(
    rootfs: &RootFs,
    config: &ImageConfig,
    options: &RunOptions,
    wishes: &[Wish],
) -> Result<Vec<Landed>, RuntimeError> {
    let Arranged { tree, landed } = arrange(rootfs, wishes)?;
    for path in SYSTEM_FILES {
        system_file(&tree, path).map_err(|error| of_system(path, error))?;
    }
    check_databases(&tree)?;
    let (origin, workdir) = match &options.workdir {
        Some(workdir) => (WishOrigin::Option, workdir.as_str()),
        None => (WishOrigin::Image, config.working_dir()),
    };
    work_at(&tree, origin, workdir)?;
    Ok(landed)
}

/// The mounts of the Docker daemon. `volume` gives the content of a named volume; with `nocopy`, one that would be filled
/// from the image is empty.
pub(crate) fn wishes(
    config: &ImageConfig,
    options: &RunOptions,
    volume: impl Fn(&str) -> MountContent,
) -> Vec<Wish> {
    let option = |target: &str, content| Wish::new(WishOrigin::Option, target, content);
    let named = |name: &str, no_copy: bool| match volume(name) {
        MountContent::Image(_) if no_copy => MountContent::Empty,
        content => content,
    };
    let of_mount = |mount: &Mount| {
        let content = match &mount.kind {
            MountKind::Bind { source, .. } => MountContent::Host(source.into()),
            MountKind::Volume {
                source: Some(name),
                no_copy,
                ..
            } => named(name, *no_copy),
            MountKind::Volume { no_copy: false, .. } => MountContent::Image(None),
            MountKind::Volume { .. } | MountKind::Tmpfs { .. } => MountContent::Empty,
        };
        option(&mount.target, content)
    };
    let of_volume = |volume: &Volume| match volume {
        Volume::Anonymous(target) => option(target, MountContent::Image(None)),
        Volume::Bind(text) => {
            let (source, target, options) = Volume::fields(text);
            let content = if !source.starts_with('/') {
                named(source, options.split(',').any(|option| option == "nocopy"))
            } else if is_missing(Path::new(source)) {
                // With `--volume`, unlike `--mount`, the daemon creates a missing source as a directory.
                MountContent::Empty
            } else {
                MountContent::Host(source.into())
            };
            option(target, content)
        }
    };
    let of_image = |target| Wish::new(WishOrigin::Image, target, MountContent::Image(None));
    let tmpfs = options.tmpfs.iter();
    let tmpfs = tmpfs.map(|tmpfs| option(&tmpfs.target, MountContent::Empty));
    let mounts = options.mounts.iter().map(of_mount);
    mounts
        .chain(options.volumes.iter().map(of_volume))
        .chain(tmpfs)
        .chain(config.volumes().map(of_image))
        .collect()
}

fn is_missing(path: &Path) -> bool {
    path.try_exists().is_ok_and(|exists| !exists)
}
