//! [`PackageIndex`]: the packages of an image and the files of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::rootfs::NodeId;

/// Who installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// Debian and its derivatives.
    Dpkg,
    /// apk of Alpine and its derivatives.
    Apk,
    /// Red Hat, SUSE and their derivatives.
    Rpm,
    /// pip and its like.
    Python,
    /// npm and its like.
    Npm,
}

/// A package of a distribution or a language, by the name that its manager uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Package {
    /// Name, as `dpkg`, `pip` or `npm` would take it.
    pub name: String,
    /// Version; empty if it is not known.
    pub version: String,
    /// The package manager whose records name it.
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
    /// Files that managers keep about packages, such as dpkg's lists.
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

    /// The package that a file belongs to. If a distribution's package brought a Python or npm package, that is
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

    /// Ends the reading of packages, of which files were `left_out` or not. Of several packages with a file, the first has it, in the order of manager, name and version.
    pub(crate) fn complete(&mut self, left_out: bool) {
        self.left_out = left_out;
        let mut ordered: Vec<_> = self.packages.iter().chain(&self.records).collect();
        ordered.sort_by_key(|(package, _)| (package.manager, &package.name, &package.version));
        for (package, files) in ordered {
            for &file in files {
                self.owners.entry(file).or_insert_with(|| package.clone());
            }
        }
    }
}
