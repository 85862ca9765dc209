//! Copying a tree, for volumes that start with what the image has at their place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use super::walk::{FoundKind, walk};
use super::{Dir, TreeWriter};
use crate::rootfs::ImagePath;

/// Copies everything at and below the root of `from`, its metadata included, to the empty directory `to`.
pub(in crate::runtime::oci) fn copy_tree(from: &mut Dir, to: Dir) -> io::Result<()> {
    let mut writer = TreeWriter::new(to);
    let mut names: BTreeMap<(u64, u64), ImagePath> = BTreeMap::new();
    walk(from, |found| {
        let path = &found.path;
        if let Some(inode) = found.inode {
            if let Some(first) = names.get(&inode) {
                return writer.hard_link(path, first);
            }
            names.insert(inode, path.clone());
        }
        match found.kind {
            FoundKind::Directory => writer.directory(path, &found.meta),
            FoundKind::File(file, size) => {
                writer.file(path, &found.meta, &mut File::from(file), size)
            }
            FoundKind::Symlink(target) => writer.symlink(path, &found.meta, &target),
            FoundKind::Other(inode) => writer.inode(path, &found.meta, inode),
            // A layer cannot hold one.
            FoundKind::Socket => Ok(()),
        }
    })?;
    writer.finish()
}
