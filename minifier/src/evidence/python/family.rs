//! Modules that the workload loaded and that nothing names: others like them can be loaded in the same way.

use std::collections::BTreeSet;

use super::library::{Library, ModuleFile, module_dir};
use super::search::{Found, Search, is_package, stem};
use super::wishes::{ModuleWish, Wishes};
use crate::analyze::holds_tests_alone;
use crate::evidence::{EvidenceSource, Origin, Rule, View};
use crate::rootfs::{ImagePath, NodeId};

/// Directories that have the same module, with at most this many modules each, are data in the form of modules:
/// `locale/*/formats.py`. Larger ones are packages of their own.
const MAX_SMALL: usize = 3;
/// Such directories beside each other make a family.
const MIN_SIBLINGS: usize = 3;

/// Wishes for the families of what was used.
pub(crate) fn families(
    used: &BTreeSet<ImagePath>,
    named: &BTreeSet<ImagePath>,
    library: &mut Library,
    view: &View<'_>,
    wishes: &mut Wishes,
) {
    let rootfs = view.files.rootfs;
    for path in used {
        let dir = module_dir(path);
        let name = path.file_name();
        let package = library.search.name_of(&dir);
        let stem = stem(name).and_then(|stem| std::str::from_utf8(stem).ok());
        let (Some(stem), false) = (stem, named.contains(path) || package.is_empty()) else {
            continue;
        };
        // `encodings` is wanted for itself, and modules called `__init__` come with others.
        if stem.starts_with("__") || package == "encodings" || !is_package(rootfs, &dir) {
            continue;
        }
        let Some(found) = library.search.find(rootfs, &package) else {
            continue;
        };
        let (what, modules) = match same_name(&package, &dir, name, library, view) {
            Some(same) => same,
            None => siblings(&found, &dir, stem, library, view),
        };
        if modules.len() > 1 {
            wishes.add(ModuleWish {
                rule: Rule::Family,
                name: what,
                origin: Origin::Used,
                source: EvidenceSource {
                    file: path.clone(),
                    line: None,
                    symbol: Some(format!("{package}.{stem}")),
                },
                modules,
                paths: BTreeSet::new(),
            });
        }
    }
}

/// Modules of one package with the same beginning up to `_`, or else all of it.
fn siblings(
    package: &Found,
    dir: &ImagePath,
    stem: &str,
    library: &mut Library,
    view: &View<'_>,
) -> (String, Vec<ModuleFile>) {
    let rootfs = view.files.rootfs;
    let mut names = Search::submodules(rootfs, package);
    names.retain(|name| !holds_tests_alone(name.as_bytes()));
    let prefix = stem
        .find('_')
        .filter(|&at| at > 0)
        .map(|at| &stem[..=at])
        .filter(|prefix| {
            names
                .iter()
                .filter(|name| name.starts_with(*prefix))
                .count()
                > 1
        });
    if let Some(prefix) = prefix {
        names.retain(|name| name.starts_with(prefix));
    }
    let mut modules = Vec::new();
    for name in names {
        let found = library
            .search
            .find(rootfs, &format!("{}.{name}", package.name));
        modules.extend(found.iter().flat_map(|module| module.files.iter().cloned()));
    }
    (format!("{dir}/{}*", prefix.unwrap_or_default()), modules)
}

/// The same module in the packages beside the one it lies in, if those have little else.
fn same_name(
    package: &str,
    dir: &ImagePath,
    name: &[u8],
    library: &mut Library,
    view: &View<'_>,
) -> Option<(String, Vec<ModuleFile>)> {
    let rootfs = view.files.rootfs;
    let above = dir.parent()?;
    let (package, _) = package.rsplit_once('.')?;
    let stem = std::str::from_utf8(stem(name)?).ok()?;
    let is_small = |node: NodeId| {
        let names = rootfs.children(node).keys();
        names.filter(|name| self::stem(name).is_some()).count() <= MAX_SMALL
    };
    if !is_small(rootfs.lookup(dir)?) {
        return None;
    }
    let mut modules = Vec::new();
    let mut count = 0;
    for (sibling, &node) in rootfs.children(rootfs.lookup(&above)?) {
        let is_one = rootfs.children(node).contains_key(name) && is_small(node);
        if !is_one || holds_tests_alone(sibling) {
            continue;
        }
        let sibling = String::from_utf8_lossy(sibling);
        let found = library
            .search
            .find(rootfs, &format!("{package}.{sibling}.{stem}"));
        if let Some(found) = found {
            count += 1;
            modules.extend(found.files.iter().cloned());
        }
    }
    let shown = String::from_utf8_lossy(name);
    (count >= MIN_SIBLINGS).then(|| (format!("{above}/*/{shown}"), modules))
}
