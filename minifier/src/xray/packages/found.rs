//! [`Found`]: the packages while they are being found; [`Owners`]: whose each file is.

use std::collections::{BTreeSet, HashMap};

use crate::rootfs::{NodeId, RootFs};
use crate::xray::model::{PackageInfo, PackageKind};

/// A package with its files.
#[derive(Debug, Clone)]
pub(crate) struct PackageFiles {
    pub(crate) info: PackageInfo,
    /// Its files that are visible: nodes that are no directories.
    pub(crate) files: BTreeSet<NodeId>,
}

/// Packages as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    packages: Vec<PackageFiles>,
}

impl Found {
    pub(super) fn add(&mut self, info: PackageInfo, files: BTreeSet<NodeId>) {
        self.packages.push(PackageFiles { info, files });
    }

    /// All, in the order of kind, name, version and place, each once; sizes are counted.
    pub(super) fn finish(mut self, rootfs: &RootFs) -> Vec<PackageFiles> {
        for package in &mut self.packages {
            let sizes = package.files.iter().map(|&id| rootfs.node(id).size());
            package.info.size = sizes.fold(0, u64::saturating_add);
            package.info.files = package.files.len() as u64;
        }
        let key = |p: &PackageFiles| {
            let info = &p.info;
            (
                info.kind,
                info.name.clone(),
                info.version.clone(),
                info.id.clone(),
                info.location.clone(),
            )
        };
        self.packages.sort_by_cached_key(key);
        self.packages.dedup_by(|b, a| key(a) == key(b));
        self.packages
    }
}

/// A package of which only the name and the place are known yet.
pub(super) fn package(kind: PackageKind, id: String, name: &str, version: &str) -> PackageInfo {
    PackageInfo {
        id,
        kind,
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: None,
        licence: None,
        source: None,
        size: 0,
        files: 0,
        layer: 0,
        location: String::new(),
        dev: false,
    }
}

/// Which package a file belongs to. Where a distribution's package brought a language's, it is the distribution's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    by_node: HashMap<NodeId, usize>,
    ids: Vec<String>,
}

impl Owners {
    /// Kinds come in the order in which they win over each other.
    pub(super) fn new(packages: &[PackageFiles]) -> Self {
        let mut owners = Self::default();
        for (index, package) in packages.iter().enumerate() {
            for &node in &package.files {
                owners.by_node.entry(node).or_insert(index);
            }
            owners.ids.push(package.info.id.clone());
        }
        owners
    }

    /// The identifier of the package.
    pub(crate) fn id(&self, node: NodeId) -> Option<String> {
        self.index(node).map(|index| self.name(index).to_owned())
    }

    /// How many packages there are.
    pub(crate) fn count(&self) -> usize {
        self.ids.len()
    }

    /// The place of the package among all.
    pub(crate) fn index(&self, node: NodeId) -> Option<usize> {
        self.by_node.get(&node).copied()
    }

    /// The identifier of the package at a place.
    pub(crate) fn name(&self, index: usize) -> &str {
        &self.ids[index]
    }

    /// True where it belongs to any.
    pub(crate) fn owns(&self, node: NodeId) -> bool {
        self.by_node.contains_key(&node)
    }
}
