//! [`FoundPackages`]: the packages while they are being found.

use std::collections::BTreeSet;

use super::package::{COPIES, PackageFiles};
use super::relations::{Relations, resolve};
use crate::analyze::Finder;
use crate::rootfs::{IndexBudget, NodeId, RootFs};
use crate::xray::model::{PackageInfo, PackageKind};
use crate::xray::problems::Problems;
use crate::xray::weight::Weight;

/// Most relations of all packages together.
const MAX_RELATIONS: usize = 500_000;
/// Bytes that a file of a package takes in its set and in the table of owners.
const FILE: usize = 24;

/// Packages as they are found.
#[derive(Debug)]
pub(crate) struct FoundPackages {
    /// Memory that they may take.
    budget: IndexBudget,
    packages: Vec<(PackageFiles, Relations)>,
    /// Relations of all packages.
    relations: usize,
    /// Whether some were left out.
    left_out: bool,
    /// Packages that were left out.
    problems: Problems,
}

impl FoundPackages {
    pub(crate) fn new(budget: IndexBudget) -> Self {
        Self {
            budget,
            packages: Vec::new(),
            relations: 0,
            left_out: false,
            problems: Problems::default(),
        }
    }

    /// Adds a package if there is room for it; otherwise a problem names it.
    pub(crate) fn add(
        &mut self,
        info: PackageInfo,
        files: BTreeSet<NodeId>,
        mut relations: Relations,
    ) {
        self.relations = self.relations.saturating_add(relations.count());
        // The package stays and loses its dependencies: an SBOM without a package is worse than one without an edge.
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
            // At the end: an owner of a file is known, but hard links are one node, so nothing counts twice.
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
            problems
                .push("read the dependencies of packages: there are more than the limit".into());
        }
        let packages = self.packages.into_iter().map(|(package, _)| package);
        (packages.collect(), problems)
    }
}

/// The order of packages, and what makes two of them the same.
fn order(info: &PackageInfo) -> (PackageKind, [&str; 4]) {
    let order = [&info.name, &info.version, &info.id, &info.location];
    (info.kind, order.map(String::as_str))
}
