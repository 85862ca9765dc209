//! [`Relations`]: needs and provisions of packages in the words of their ecosystem; [`resolve`] finds the packages of
//! the image that meet the needs.

use std::collections::{BTreeSet, HashMap};

use super::package::{COPIES, PackageFiles};
use crate::analyze::Finder;
use crate::rootfs::{IndexBudget, NodeId};
use crate::xray::model::PackageKind;
use crate::xray::weight::Weight;

/// Needs of one package; a program's main module has the most.
pub(crate) const MAX_NEEDS: usize = 5000;
/// Packages of one name that are looked at for the same architecture.
const MAX_SAME: usize = 16;

/// Needs and provisions of a package in the words of its ecosystem, until all packages are known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations {
    /// Names that others may need beyond its own.
    pub(crate) provides: Vec<String>,
    /// Each of these is met by any of its names. A name with a slash in front is a file's.
    pub(crate) needs: Vec<Vec<String>>,
    /// Package URLs of what it needs, if they are known already.
    pub(crate) ids: Vec<String>,
}

impl Relations {
    /// Needs of which each has one name.
    pub(crate) fn needing(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().take(MAX_NEEDS);
        Self {
            needs: names.map(|name| vec![name]).collect(),
            ..Self::default()
        }
    }

    /// Number of names in it.
    pub(crate) fn count(&self) -> usize {
        let needs: usize = self.needs.iter().map(Vec::len).sum();
        self.provides.len() + needs + self.ids.len()
    }
}

impl Weight for Relations {
    fn weight(&self) -> usize {
        self.provides.weight() + self.needs.weight() + self.ids.weight()
    }
}

/// Fills in which packages each one needs. A need that nothing in the image meets is left out. Returns `false` if there
/// was no room for all.
pub(crate) fn resolve(
    packages: &mut [(PackageFiles, Relations)],
    finder: &mut Finder<'_>,
    budget: &IndexBudget,
) -> bool {
    // Names of the same kind, and owners of files, by index; own names come before what is provided.
    let mut names: HashMap<(PackageKind, String), Vec<usize>> = HashMap::new();
    // A vendored copy (`pip/_vendor`) is loaded only by the package that brings it.
    let common = || {
        let all = packages.iter().enumerate();
        all.filter(|(_, (package, _))| !package.info.vendored)
    };
    for (index, (package, _)) in common() {
        let key = (package.info.kind, package.info.name.clone());
        names.entry(key).or_default().push(index);
    }
    for (index, (package, relations)) in common() {
        for provided in &relations.provides {
            let key = (package.info.kind, provided.clone());
            names.entry(key).or_default().push(index);
        }
    }
    let files = owners_of_needed_files(packages, finder);
    let mut all = true;
    let resolved: Vec<Vec<String>> = packages
        .iter()
        .map(|(package, relations)| {
            let info = &package.info;
            let mut ids: BTreeSet<&str> = relations.ids.iter().map(String::as_str).collect();
            for need in &relations.needs {
                let met = need.iter().find_map(|name| {
                    let by_name = names.get(&(info.kind, name.clone())).map(|found| {
                        // With Debian's multiarch, a package is installed once for each architecture, under one name.
                        let same = found
                            .iter()
                            .take(MAX_SAME)
                            .find(|&&i| packages[i].0.info.architecture == info.architecture);
                        *same.unwrap_or(&found[0])
                    });
                    by_name.or_else(|| files.get(&(info.kind, name.as_str())).copied())
                });
                ids.extend(met.map(|index| packages[index].0.info.id.as_str()));
            }
            // Packages provide what they need themselves (`bash` needs `/bin/sh`).
            ids.remove(info.id.as_str());
            let ids = ids.into_iter().take(MAX_NEEDS);
            let ids: Vec<String> = ids.map(str::to_owned).collect();
            if budget.keep_made((COPIES * ids.weight()) as u64) {
                ids
            } else {
                all = false;
                Vec::new()
            }
        })
        .collect();
    for ((package, _), depends_on) in packages.iter_mut().zip(resolved) {
        package.info.depends_on = depends_on;
    }
    all
}

/// The packages that have the files which are needed by their paths.
fn owners_of_needed_files<'a>(
    packages: &'a [(PackageFiles, Relations)],
    finder: &mut Finder<'_>,
) -> HashMap<(PackageKind, &'a str), usize> {
    let mut wanted: HashMap<(PackageKind, NodeId), BTreeSet<&str>> = HashMap::new();
    let mut nodes: HashMap<&str, Option<NodeId>> = HashMap::new();
    for (package, relations) in packages {
        for name in relations.needs.iter().flatten() {
            // rpm and apk packages may need a file, whichever package has it.
            if name.starts_with('/') {
                let node = nodes
                    .entry(name)
                    .or_insert_with(|| finder.file(name.as_bytes()));
                if let Some(node) = *node {
                    let names = wanted.entry((package.info.kind, node)).or_default();
                    names.insert(name);
                }
            }
        }
    }
    let mut owners = HashMap::new();
    if wanted.is_empty() {
        return owners;
    }
    for (index, (package, _)) in packages.iter().enumerate() {
        let kind = package.info.kind;
        for &node in &package.files {
            for name in wanted.get(&(kind, node)).into_iter().flatten() {
                owners.entry((kind, *name)).or_insert(index);
            }
        }
    }
    owners
}
