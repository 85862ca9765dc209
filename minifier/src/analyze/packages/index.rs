//! [`PackageIndex`]: the packages of an image and the files of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::npm::{NpmPlace, can_name_npm, npm_packages};
use super::python::{can_name_python, python_packages};
use super::{apk, dpkg, rpm};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId, RootFs};

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
    /// Version; empty if it is not known.
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
    /// What managers themselves keep of packages.
    records: BTreeMap<Package, BTreeSet<NodeId>>,
    owners: BTreeMap<NodeId, Package>,
    /// Whether files in directories of packages were left out.
    left_out: bool,
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

    /// Whether there were more files in directories of packages than are looked at.
    pub fn left_out(&self) -> bool {
        self.left_out
    }

    pub(crate) fn add(&mut self, package: Package, files: BTreeSet<NodeId>) {
        self.packages.entry(package).or_default().extend(files);
    }

    /// Adds what the manager itself keeps of a package: it is the package's, and stays or goes with the database.
    pub(crate) fn add_records(&mut self, package: &Package, files: BTreeSet<NodeId>) {
        if !files.is_empty() {
            let records = self.records.entry(package.clone()).or_default();
            records.extend(files);
        }
    }

    /// Of several packages with a file, the first has it, in the order of manager, name and version.
    fn find_owners(&mut self) {
        let mut ordered: Vec<_> = self.packages.iter().chain(&self.records).collect();
        ordered.sort_by_key(|(package, _)| (package.manager, &package.name, &package.version));
        for (package, files) in ordered {
            for &file in files {
                self.owners.entry(file).or_insert_with(|| package.clone());
            }
        }
    }
}

/// Reads the package databases of an image. Databases that cannot be parsed give fewer packages, not an error.
pub fn read_packages(files: &Files<'_>) -> Result<PackageIndex, ReadError> {
    let mut index = PackageIndex::default();
    let mut finder = Finder::new(files.rootfs);
    dpkg::read(files.rootfs, files, &mut finder, &mut index)?;
    apk::read(files.rootfs, files, &mut finder, &mut index)?;
    rpm::read(files.rootfs, files, &mut finder, &mut index)?;
    read_languages(files, &mut finder, &mut index)?;
    index.find_owners();
    index.left_out = finder.is_exhausted();
    Ok(index)
}

fn read_languages(
    files: &Files<'_>,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), ReadError> {
    let rootfs = files.rootfs;
    let named: Vec<(ImagePath, NodeId)> = rootfs
        .walk()
        .filter(|(path, node)| {
            let name = path.file_name();
            let wanted = can_name_python(name) || can_name_npm(name);
            wanted && rootfs.node(*node).content().is_some()
        })
        .collect();
    let named = named.iter().map(|(path, node)| (path, *node));
    python_packages(rootfs, files, named.clone(), |found| {
        let package = Package {
            name: found.metadata.name.clone(),
            version: found.metadata.version.clone(),
            manager: PackageManager::Python,
        };
        index.add(package, found.files(finder, files)?);
        Ok(())
    })?;
    npm_packages(rootfs, files, named, |found| {
        // The application is what the image is for, not a package that was installed into it.
        if found.place != NpmPlace::Application {
            let package = Package {
                name: found.metadata.name.clone(),
                version: found.metadata.version.clone(),
                manager: PackageManager::Npm,
            };
            index.add(package, found.files(finder));
        }
        Ok(())
    })?;
    Ok(())
}

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
