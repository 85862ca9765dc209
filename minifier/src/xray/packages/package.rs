//! [`PackageFiles`]: a package with its files; [`Owners`]: the package that each file belongs to.

use std::collections::{BTreeSet, HashMap};

use crate::rootfs::NodeId;
use crate::xray::model::{PackageInfo, PackageKind};

/// A package is held here and in the report, which is made a text.
pub(crate) const COPIES: usize = 3;

/// A package with its files.
#[derive(Debug, Clone)]
pub(crate) struct PackageFiles {
    pub(crate) info: PackageInfo,
    /// Its files that are visible: nodes that are no directories.
    pub(crate) files: BTreeSet<NodeId>,
}

/// A package of which only the name and the place are known yet.
pub(crate) fn package(kind: PackageKind, id: String, name: &str, version: &str) -> PackageInfo {
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

/// The package that each file belongs to. If a package of the distribution brought one of a language
/// (`python3-yaml`), its files are the distribution's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    by_node: HashMap<NodeId, usize>,
    ids: Vec<String>,
}

impl Owners {
    /// Kinds come in the order in which they win over each other. What is compiled into a program does not own it, nor
    /// does an application own itself: these files are the image's own.
    pub(crate) fn new(packages: &[PackageFiles]) -> Self {
        let mut owners = Self::default();
        for (index, package) in packages.iter().enumerate() {
            let compiled = matches!(package.info.kind, PackageKind::Go | PackageKind::Cargo);
            let files = (!compiled && !package.info.application).then_some(&package.files);
            for &node in files.into_iter().flatten() {
                // The first one wins: packages are sorted by kind, and distributions come before languages.
                owners.by_node.entry(node).or_insert(index);
            }
            owners.ids.push(package.info.id.clone());
        }
        owners
    }

    /// The package URL of the package that a file belongs to.
    pub(crate) fn id(&self, node: NodeId) -> Option<String> {
        self.index(node).map(|index| self.name(index).to_owned())
    }

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

    /// Whether it belongs to any package.
    pub(crate) fn owns(&self, node: NodeId) -> bool {
        self.by_node.contains_key(&node)
    }
}
