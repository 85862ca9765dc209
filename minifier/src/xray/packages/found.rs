//! [`Found`]: the packages while they are being found; [`Owners`]: whose each file is.

use std::collections::{BTreeSet, HashMap};

use super::relations::{Relations, resolve};
use crate::analyze::Finder;
use crate::rootfs::{NodeId, RootFs};
use crate::xray::model::{PackageInfo, PackageKind};

/// Relations of all packages that are looked at.
const MAX_RELATIONS: usize = 500_000;

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
    packages: Vec<(PackageFiles, Relations)>,
    /// Relations of all packages.
    relations: usize,
    /// Whether some were left out.
    left_out: bool,
}

impl Found {
    pub(super) fn add(
        &mut self,
        info: PackageInfo,
        files: BTreeSet<NodeId>,
        mut relations: Relations,
    ) {
        self.relations = self.relations.saturating_add(relations.count());
        if self.relations > MAX_RELATIONS {
            self.left_out |= relations.count() > 0;
            relations = Relations::default();
        }
        self.packages
            .push((PackageFiles { info, files }, relations));
    }

    /// Whether there are more dependencies than are looked at.
    pub(super) fn left_out(&self) -> bool {
        self.left_out
    }

    /// All, in the order of kind, name, version and place, each once; sizes are counted.
    pub(super) fn finish(mut self, rootfs: &RootFs, finder: &mut Finder<'_>) -> Vec<PackageFiles> {
        for (package, _) in &mut self.packages {
            let sizes = package.files.iter().map(|&id| rootfs.node(id).size());
            package.info.size = sizes.fold(0, u64::saturating_add);
            package.info.files = package.files.len() as u64;
        }
        let key = |(p, _): &(PackageFiles, Relations)| {
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
        resolve(&mut self.packages, finder);
        self.packages
            .into_iter()
            .map(|(package, _)| package)
            .collect()
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
        supplier: None,
        download: None,
        checksums: Vec::new(),
        depends_on: Vec::new(),
        size: 0,
        files: 0,
        layer: 0,
        location: String::new(),
        dev: false,
        vendored: false,
        application: false,
    }
}

/// Which package a file belongs to. Where a distribution's package brought a language's, it is the distribution's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    by_node: HashMap<NodeId, usize>,
    ids: Vec<String>,
}

impl Owners {
    /// Kinds come in the order in which they win over each other. What is compiled into a program does not own it, nor
    /// does an application own itself: these files are the image's own.
    pub(super) fn new(packages: &[PackageFiles]) -> Self {
        let mut owners = Self::default();
        for (index, package) in packages.iter().enumerate() {
            let compiled = matches!(package.info.kind, PackageKind::Go | PackageKind::Cargo);
            let files = (!compiled && !package.info.application).then_some(&package.files);
            for &node in files.into_iter().flatten() {
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
