//! Following a path through the links of a tree, to a place for a mount.
//!
//! Source: path_resolution(7), and filepath-securejoin, with which runc resolves destinations: a name that does not exist
//! is kept, so that `..` after it goes back.

use std::io;

use super::error::DestinationError;
use crate::rootfs::{ImagePath, NodeKind, RootFs, SYSTEM_MOUNTS};

/// `MAXSYMLINKS` of Linux.
const MAX_LINKS: usize = 40;
/// `PATH_MAX` and `NAME_MAX` of Linux, without the NUL.
const MAX_PATH: usize = 4095;
const MAX_NAME: usize = 255;

/// The one place below them that images and users may use.
pub(crate) const SHM: &str = "/dev/shm";

/// The file type at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeEntry {
    /// There is no entry.
    Missing,
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Link(Vec<u8>),
    /// A regular file.
    File,
    /// A device, a pipe or a socket.
    Other,
}

/// A tree whose links are to be followed.
pub trait Tree {
    /// The entry at `path`. No component of `path` but the last is a link, and the last is not followed.
    fn entry(&self, path: &ImagePath) -> io::Result<TreeEntry>;
}

/// The merged layers of an image.
impl Tree for RootFs {
    fn entry(&self, path: &ImagePath) -> io::Result<TreeEntry> {
        Ok(match self.get(path).map(|node| &node.kind) {
            None => TreeEntry::Missing,
            Some(NodeKind::Directory { .. }) => TreeEntry::Directory,
            Some(NodeKind::Symlink { target }) => TreeEntry::Link(target.clone()),
            Some(NodeKind::File { .. }) => TreeEntry::File,
            Some(_) => TreeEntry::Other,
        })
    }
}

/// Where a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The path, free of links.
    pub path: ImagePath,
    /// The entry there; never a link.
    pub entry: TreeEntry,
}

/// Resolves the destination of a mount.
pub fn destination(tree: &dyn Tree, target: &ImagePath) -> Result<Landing, DestinationError> {
    let landing = resolve(tree, target)?;
    if landing.path.is_root() {
        return Err(DestinationError::Root);
    }
    Ok(landing)
}

/// Resolves a working directory, which need not exist yet. One below `/proc` is refused: `/proc/self/fd/7` can lead to a
/// directory of the host that the runtime has open (CVE-2024-21626).
pub fn working_directory(tree: &dyn Tree, path: &ImagePath) -> Result<ImagePath, DestinationError> {
    let landing = resolve(tree, path)?;
    match landing.entry {
        TreeEntry::File | TreeEntry::Other => Err(DestinationError::NotADirectory(landing.path)),
        _ => Ok(landing.path),
    }
}

fn resolve(tree: &dyn Tree, target: &ImagePath) -> Result<Landing, DestinationError> {
    let mut todo = Vec::new();
    push(&mut todo, target.as_bytes())?;
    let mut at = Landing {
        path: ImagePath::root(),
        entry: TreeEntry::Directory,
    };
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == b"." {
            continue;
        }
        if name == b".." {
            // At the root, `..` is the root again, as the kernel has it after chroot.
            let path = at.path.parent().unwrap_or_else(ImagePath::root);
            let entry = look(tree, &path)?;
            at = Landing { path, entry };
            continue;
        }
        if matches!(at.entry, TreeEntry::File | TreeEntry::Other) {
            return Err(DestinationError::NotADirectory(at.path));
        }
        let next = at.path.join(&name);
        if name.len() > MAX_NAME || next.as_bytes().len() > MAX_PATH {
            return Err(DestinationError::Path);
        }
        // Checked at each step, not only at the end: a link in `/proc` can lead out again, to the host.
        if is_system(&next)
            && !SYSTEM_MOUNTS
                .iter()
                .any(|root| next == ImagePath::from(*root))
        {
            return Err(DestinationError::System(next));
        }
        match look(tree, &next)? {
            TreeEntry::Link(to) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(DestinationError::Loop);
                }
                push(&mut todo, &to)?;
                // An absolute link starts at the image's root, not at the host's.
                if to.starts_with(b"/") {
                    at.path = ImagePath::root();
                    at.entry = TreeEntry::Directory;
                }
            }
            entry => at = Landing { path: next, entry },
        }
    }
    // The roots of the system's trees may only be passed through, on the way to `/dev/shm`.
    if is_system(&at.path) {
        return Err(DestinationError::System(at.path));
    }
    Ok(at)
}

/// Whether a path is at or below one of the system's trees, and not in the part of it that may be used.
pub(crate) fn is_system(path: &ImagePath) -> bool {
    SYSTEM_MOUNTS
        .iter()
        .any(|root| path.starts_with(&(*root).into()))
        && !path.starts_with(&SHM.into())
}

/// The entry at a path once the system's trees are mounted over the image's.
fn look(tree: &dyn Tree, path: &ImagePath) -> Result<TreeEntry, DestinationError> {
    if path.is_root() || is_system(path) || *path == ImagePath::from(SHM) {
        return Ok(TreeEntry::Directory);
    }
    tree.entry(path).map_err(|source| DestinationError::Look {
        path: path.clone(),
        source,
    })
}

/// Adds the components of a path so that the first is taken next.
fn push(todo: &mut Vec<Vec<u8>>, path: &[u8]) -> Result<(), DestinationError> {
    if path.len() > MAX_PATH || path.contains(&0) {
        return Err(DestinationError::Path);
    }
    let parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty());
    todo.extend(parts.rev().map(<[u8]>::to_vec));
    Ok(())
}
