//! [`PackageIndex`]: the packages of an image and the files of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{apk, dpkg, language, rpm};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId};

/// Who installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// Debian and its derivatives.
    Dpkg,
    /// Alpine.
    Apk,
    /// Red Hat, SUSE and their derivatives.
    Rpm,
    /// pip and its like.
    Python,
    /// npm and its like.
    Npm,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version; empty where it is not known.
    pub version: String,
    /// Who installed it.
    pub manager: PackageManager,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.version.is_empty() {
            write!(f, " {}", self.version)?;
        }
        Ok(())
    }
}

/// The packages of an image and which of its files (not directories) belong to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageIndex {
    packages: BTreeMap<Package, BTreeSet<NodeId>>,
    owners: BTreeMap<NodeId, Package>,
}

impl PackageIndex {
    /// Packages in order, each with its files.
    pub fn iter(&self) -> impl Iterator<Item = (&Package, &BTreeSet<NodeId>)> {
        self.packages.iter()
    }

    /// The package that a file belongs to. Where a distribution's package brought a Python or npm package, that is
    /// the distribution's.
    pub fn owner(&self, node: NodeId) -> Option<&Package> {
        self.owners.get(&node)
    }

    pub(super) fn add(&mut self, package: Package, files: BTreeSet<NodeId>) {
        for &file in &files {
            self.owners.entry(file).or_insert_with(|| package.clone());
        }
        self.packages.entry(package).or_default().extend(files);
    }
}

/// Reads the package databases of an image. Databases that cannot be parsed give fewer packages, not an error.
pub fn read_packages(files: &Files<'_>) -> Result<PackageIndex, ReadError> {
    let mut index = PackageIndex::default();
    let mut finder = Finder::new(*files);
    dpkg::read(&mut finder, &mut index)?;
    apk::read(&mut finder, &mut index)?;
    rpm::read(&mut finder, &mut index)?;
    language::read(&mut finder, &mut index)?;
    Ok(index)
}

/// Finds files by the names that databases have for them: often from before `/bin` became a link to `/usr/bin`.
pub struct Finder<'a> {
    pub(super) files: Files<'a>,
    /// Directory as named, to the node of the directory that it is.
    dirs: BTreeMap<Vec<u8>, Option<NodeId>>,
}

impl<'a> Finder<'a> {
    /// Finds files in this tree.
    pub fn new(files: Files<'a>) -> Self {
        Self {
            files,
            dirs: BTreeMap::new(),
        }
    }

    /// The file at `path` (absolute, as a database names it), unless it is missing, a directory or a link to one.
    pub fn file(&mut self, path: &[u8]) -> Option<NodeId> {
        let cut = path.iter().rposition(|&b| b == b'/')?;
        let (dir, name) = (&path[..cut], &path[cut + 1..]);
        let rootfs = self.files.rootfs;
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
        // Databases name `/bin` as a directory where it has become a link to one since.
        let is_dir = rootfs.node(node).is_dir()
            || rootfs.node(node).link_target().is_some()
                && rootfs
                    .resolve(&ImagePath::root(), path, true)
                    .found()
                    .is_some_and(|(_, end)| rootfs.node(end).is_dir());
        (!is_dir).then_some(node)
    }
}
