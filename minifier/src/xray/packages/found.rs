//! [`Found`]: the packages while they are being found; [`Owners`]: whose each file is.

use std::collections::{BTreeSet, HashMap};

use super::relations::{Relations, resolve};
use crate::analyze::Finder;
use crate::rootfs::{IndexBudget, NodeId, RootFs};
use crate::xray::model::{PackageInfo, PackageKind};
use crate::xray::problems::Problems;
use crate::xray::weight::Weight;

/// Relations of all packages that are looked at.
const MAX_RELATIONS: usize = 500_000;
/// A package is held here and in the report, which is made a text.
pub(crate) const COPIES: usize = 3;
/// What a file of a package takes in its set and in that of all owners.
const FILE: usize = 24;

/// A package with its files.
#[derive(Debug, Clone)]
pub(crate) struct PackageFiles {
    pub(crate) info: PackageInfo,
    /// Its files that are visible: nodes that are no directories.
    pub(crate) files: BTreeSet<NodeId>,
}

/// Packages as they are found.
#[derive(Debug)]
pub(crate) struct Found {
    /// What they may take.
    budget: IndexBudget,
    packages: Vec<(PackageFiles, Relations)>,
    /// Relations of all packages.
    relations: usize,
    /// Whether some were left out.
    left_out: bool,
    /// Packages that were.
    problems: Problems,
}

impl Found {
    pub(crate) fn new(budget: IndexBudget) -> Self {
        Self {
            budget,
            packages: Vec::new(),
            relations: 0,
            left_out: false,
            problems: Problems::default(),
        }
    }

    /// Adds a package if there is room for it; what is left out is a problem.
    pub(crate) fn add(
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
        let own = COPIES * (size_of::<PackageInfo>() + info.weight());
        let takes = own + FILE * files.len() + relations.weight();
        if !self.budget.keep_made(takes as u64) {
            self.problems.push(format!(
                "read {}: there is no room for the package {}: packages take far more memory than is stored of the \
                 image",
                info.location, info.id
            ));
            return;
        }
        self.packages
            .push((PackageFiles { info, files }, relations));
    }

    /// All, in the order of kind, name, version and place, each once, and what was left out; sizes are counted.
    pub(crate) fn finish(
        mut self,
        rootfs: &RootFs,
        finder: &mut Finder<'_>,
    ) -> (Vec<PackageFiles>, Vec<String>) {
        for (package, _) in &mut self.packages {
            let sizes = package.files.iter().map(|&id| rootfs.node(id).size());
            package.info.size = sizes.fold(0, u64::saturating_add);
            package.info.files = package.files.len() as u64;
        }
        self.packages
            .sort_by(|(a, _), (b, _)| order(&a.info).cmp(&order(&b.info)));
        self.packages
            .dedup_by(|(b, _), (a, _)| order(&a.info) == order(&b.info));
        self.left_out |= !resolve(&mut self.packages, finder, &self.budget);
        let mut problems = self.problems.into_sentences("packages that are left out");
        if self.left_out {
            problems.push(
                "read the dependencies of packages: there are more than are looked at".into(),
            );
        }
        let packages = self.packages.into_iter().map(|(package, _)| package);
        (packages.collect(), problems)
    }
}

/// What packages are ordered by, and told from each other.
fn order(info: &PackageInfo) -> (PackageKind, [&str; 4]) {
    let order = [&info.name, &info.version, &info.id, &info.location];
    (info.kind, order.map(String::as_str))
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

/// Which package a file belongs to. Where a distribution's package brought a language's, it is the distribution's.
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

    /// Whether it belongs to any.
    pub(crate) fn owns(&self, node: NodeId) -> bool {
        self.by_node.contains_key(&node)
    }
}
