//! Copying a tree, for volumes that are filled with the image's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio_util::sync::CancellationToken;

use super::content::Original;
use super::dir::Dir;
use super::walk::{WalkKind, WalkNext, walk};
use super::write::TreeWriter;
use crate::rootfs::ImagePath;
use crate::runtime::options::Room;

/// For smaller files, a look-up in the layers takes longer than the copying.
const SHARED: u64 = 64 << 10;

/// Why a tree is not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it contains more than there is room for")]
    TooLarge(&'static str),
    #[error("interrupted")]
    Cancelled,
}

/// How a tree is copied.
pub(crate) struct Copy<'a> {
    /// The tree in the image, from the image's root.
    pub(crate) at: &'a ImagePath,
    /// Directories whose content is not copied: something else is mounted there.
    pub(crate) hidden: &'a BTreeSet<ImagePath>,
    /// Folders of the image's layers, lowest first: a copy shares its blocks with the file of a layer if the file system can.
    pub(crate) layers: &'a [PathBuf],
    /// Ends the copying.
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
            // Two names of one file stay two names of one file.
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
                    // Blocks cannot be shared with a file of overlayfs, but with the file behind it.
                    let own = if size < SHARED {
                        None
                    } else {
                        layers
                            .iter()
                            .find_map(|layer| of_layer(layer, &place, size))
                    };
                    let from = own.unwrap_or_else(|| File::from(file));
                    let original = Original {
                        file: &from,
                        size,
                        step: &|| self.go_on(),
                    };
                    writer.copy_of(path, &found.meta, &original)?;
                }
                WalkKind::Symlink(target) => {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.symlink(path, &found.meta, &target)?;
                }
                WalkKind::Other(inode) => {
                    room.take(0).map_err(CopyError::TooLarge)?;
                    writer.inode(path, &found.meta, inode)?;
                }
                // Layers are tar archives, which have no sockets.
                WalkKind::Socket => {}
            }
            Ok(WalkNext::Into)
        })
        // An error of `go_on` comes back through the writer as one of input and output.
        .map_err(|error| {
            if self.cancel.is_cancelled() {
                CopyError::Cancelled
            } else {
                error
            }
        })?;
        Ok(writer.finish()?)
    }

    fn go_on(&self) -> io::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("interrupted"));
        }
        Ok(())
    }
}

/// The file of this layer that overlayfs shows at `path`. Layers are asked from the top: the first one that has the path has
/// the file. The size is compared because the container's writable layer, which is not asked, could hide it.
fn of_layer(layer: &Dir, path: &ImagePath, size: u64) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let file = openat2(layer.root(), path.relative(), flags, Mode::empty(), resolve).ok()?;
    let stat = fstat(&file).ok()?;
    let is_it = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && u64::try_from(stat.st_size) == Ok(size);
    is_it.then(|| File::from(file))
}
