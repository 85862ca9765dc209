//! [`Finder`]: from the paths in package databases to the files of the image.

use std::collections::{BTreeMap, BTreeSet};

use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Packages that a file may lie in, on average.
const MAX_OWNERS: usize = 16;

/// Finds files by the names that databases have for them: often from before `/bin` became a link to `/usr/bin`.
pub struct Finder<'a> {
    pub(crate) rootfs: &'a RootFs,
    /// Files in directories of packages that may still be counted.
    files_left: usize,
    /// Directory as named, to the node of the directory that it is.
    dirs: BTreeMap<Vec<u8>, Option<NodeId>>,
}

impl<'a> Finder<'a> {
    /// Finds files in this tree.
    pub fn new(rootfs: &'a RootFs) -> Self {
        Self {
            rootfs,
            files_left: rootfs.count().saturating_mul(MAX_OWNERS),
            dirs: BTreeMap::new(),
        }
    }

    /// The files in a directory that is a package's, without those in directories called `except`. None once there are
    /// far more than the tree has, as directories of packages can lie in each other; see [`Self::is_exhausted`].
    pub(crate) fn files_below(&mut self, dir: NodeId, except: Option<&[u8]>) -> BTreeSet<NodeId> {
        if self.is_exhausted() {
            return BTreeSet::new();
        }
        let files = self.rootfs.files_below(dir, except);
        self.files_left = self.files_left.saturating_sub(files.len());
        files
    }

    /// Whether files in directories of packages were left out.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.files_left == 0
    }

    /// The file at `path` (absolute, as a database names it), unless it is missing, a directory or a link to one.
    pub fn file(&mut self, path: &[u8]) -> Option<NodeId> {
        let cut = path.iter().rposition(|&b| b == b'/')?;
        let (dir, name) = (&path[..cut], &path[cut + 1..]);
        let rootfs = self.rootfs;
        let dir = match self.dirs.get(dir) {
            Some(known) => *known,
            None => {
                let found = rootfs.resolve(&ImagePath::root(), dir, true);
                let node = found.found().map(|(_, node)| node);
                self.dirs.insert(dir.to_vec(), node);
                node
            }
        }?;
        let node = *rootfs.children(dir).get(name)?;
        // Databases name `/bin` as a directory if it has become a link to one since.
        let is_dir = rootfs.node(node).is_dir()
            || rootfs.node(node).link_target().is_some()
                && rootfs
                    .resolve(&ImagePath::root(), path, true)
                    .found()
                    .is_some_and(|(_, end)| rootfs.node(end).is_dir());
        (!is_dir).then_some(node)
    }
}
