//! Copying a tree, for volumes that start with what the image has at their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio_util::sync::CancellationToken;

use super::dir::Dir;
use super::walk::{WalkKind, WalkNext, walk};
use super::write::TreeWriter;
use crate::rootfs::ImagePath;
use crate::runtime::options::Room;

/// Files below this size are not worth looking for where their blocks are.
const SHARED: u64 = 64 << 10;

/// Why a tree is not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it holds more than there is room for")]
    TooLarge(&'static str),
    #[error("interrupted")]
    Cancelled,
}

/// How a tree is copied.
pub(crate) struct Copy<'a> {
    /// The tree in the image, from the image's root.
    pub(crate) at: &'a ImagePath,
    /// Directories whose content is not wanted: something is mounted there.
    pub(crate) hidden: &'a BTreeSet<ImagePath>,
    /// Folders of the image's layers, lowest first: files are shared with them where the file system can.
    pub(crate) layers: &'a [PathBuf],
    /// Stops the work.
    pub(crate) cancel: &'a CancellationToken,
}

impl Copy<'_> {
    /// Copies everything at and below the root of `from`, its metadata included, to the empty directory `to`.
    pub(crate) fn run(&self, from: &mut Dir, to: Dir, room: &mut Room) -> Result<(), CopyError> {
        let mut writer = TreeWriter::new(to);
        let mut layers = Vec::new();
        for layer in self.layers.iter().rev() {
            layers.push(Dir::open(layer)?);
        }
        let mut names: BTreeMap<(u64, u64), ImagePath> = BTreeMap::new();
        walk(from, |found| {
            if self.cancel.is_cancelled() {
                return Err(CopyError::Cancelled);
            }
            let path = &found.path;
            if let Some(inode) = found.inode {
                if let Some(first) = names.get(&inode) {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.hard_link(path, first)?;
                    return Ok(WalkNext::Into);
                }
                names.insert(inode, path.clone());
            }
            let place = self.at.join(path.relative());
            match found.kind {
                WalkKind::Directory => {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.directory(path, &found.meta)?;
                    if self.hidden.contains(&place) {
                        return Ok(WalkNext::Over);
                    }
                }
                WalkKind::File(file, size) => {
                    room.take(size).map_err(CopyError::TooLarge)?;
                    let own = match size < SHARED {
                        true => None,
                        false => layers
                            .iter()
                            .find_map(|layer| of_layer(layer, &place, size)),
                    };
                    let from = own.unwrap_or_else(|| File::from(file));
                    writer.copy_of(path, &found.meta, &from, size, &|| self.go_on())?;
                }
                WalkKind::Symlink(target) => {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.symlink(path, &found.meta, &target)?;
                }
                WalkKind::Other(inode) => {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.inode(path, &found.meta, inode)?;
                }
                // A layer cannot hold one.
                WalkKind::Socket => {}
            }
            Ok(WalkNext::Into)
        })
        .map_err(|error| match self.cancel.is_cancelled() {
            true => CopyError::Cancelled,
            false => error,
        })?;
        Ok(writer.finish()?)
    }

    fn go_on(&self) -> io::Result<()> {
        match self.cancel.is_cancelled() {
            true => Err(io::Error::other("interrupted")),
            false => Ok(()),
        }
    }
}

/// The file that overlayfs shows at `path`, if it is of this layer. The topmost layer that has the path has the file:
/// what a higher one hides is not seen, and so is not copied.
fn of_layer(layer: &Dir, path: &ImagePath, size: u64) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let file = openat2(layer.root(), path.relative(), flags, Mode::empty(), resolve).ok()?;
    let stat = fstat(&file).ok()?;
    let is_it = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && u64::try_from(stat.st_size) == Ok(size);
    is_it.then(|| File::from(file))
}
