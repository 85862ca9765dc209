//! [`PackageData`]: what packages have beside their modules: templates, static files, fonts, translations, tables.

use std::collections::{BTreeMap, BTreeSet};

use super::library::module_dir;
use super::search::{Search, is_package};
use super::wishes::{ModuleWish, Wishes};
use crate::analyze::holds_tests_alone;
use crate::evidence::{EvidenceSource, Origin, Rule, View};
use crate::rootfs::{ImagePath, NodeId};

/// Directories of one package that are looked at, and files in one of them.
const MAX_ENTRIES: usize = 20_000;
/// Bytes up to which a directory of data is one group with all below it. Most have templates or icons of this size,
/// and each group takes time to be priced.
const MAX_WHOLE: u64 = 512 << 10;
/// Directories that no program reads at run time.
const NOT_READ: [&[u8]; 8] = [
    b"__pycache__",
    b"sample_data",
    b"include",
    b"docs",
    b"doc",
    b"examples",
    b"node_modules",
    b"testing",
];
/// Endings of files that no program reads at run time here: sources of native code and of translations, type stubs,
/// programs for another system.
const SOURCES: [&str; 18] = [
    ".exe", ".dll", ".py", ".pyc", ".pyo", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".hpp", ".c",
    ".cpp", ".a", ".po", ".pot", ".so", ".typed",
];
/// Where gettext looks, below `locale/LANGUAGE`.
const MESSAGES: &[u8] = b"LC_MESSAGES";

/// What is known of packages.
#[derive(Debug, Default)]
pub(crate) struct PackageData {
    /// Directories of packages of which a module stays.
    packages: BTreeSet<ImagePath>,
}

impl PackageData {
    /// How many packages there are of which a module stays.
    pub(crate) fn count(&self) -> usize {
        self.packages.len()
    }

    /// Names of the packages of which a module stays.
    pub(crate) fn packages(&self, search: &Search) -> BTreeSet<String> {
        let names = self.packages.iter().map(|dir| search.name_of(dir));
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Wishes for the data of the packages that a module lies in.
    pub(crate) fn read(
        &mut self,
        module: &ImagePath,
        search: &Search,
        view: &View<'_>,
        wishes: &mut Wishes,
    ) {
        let mut dir = module_dir(module);
        while is_package(view.files.rootfs, &dir) && self.packages.insert(dir.clone()) {
            self.package(&dir, search, view, wishes);
            let Some(above) = dir.parent() else { return };
            dir = above;
        }
    }

    fn package(&mut self, dir: &ImagePath, search: &Search, view: &View<'_>, wishes: &mut Wishes) {
        let rootfs = view.files.rootfs;
        let Some(node) = rootfs.lookup(dir) else {
            return;
        };
        let package = search.name_of(dir);
        if package.is_empty() {
            return;
        }
        let mut groups: BTreeMap<String, BTreeSet<ImagePath>> = BTreeMap::new();
        let own = files_in(dir, node, view);
        groups.insert(format!("data of {package}"), own);
        for (name, &child) in rootfs.children(node) {
            // Of a package for one language, `locale` around it has the translations.
            let is_data = rootfs.node(child).is_dir()
                && &**name != MESSAGES
                && !NOT_READ.contains(&&**name)
                && !holds_tests_alone(name)
                && !has_modules(child, view);
            if !is_data {
                // `django/conf/locale` has a module for each language, and its messages beside them.
                if &**name == b"locale" {
                    messages(&dir.join(name), child, view, &mut groups);
                }
                continue;
            }
            groups.extend(directory(&dir.join(name), child, view));
        }
        let file = ["__init__.py", "__init__.pyc"].map(|name| dir.join(name));
        let file = file.into_iter().find(|path| rootfs.lookup(path).is_some());
        let file = file.unwrap_or_else(|| dir.clone());
        let origin = match view.origin(node_of(&file, view).unwrap_or(node)) {
            Origin::Application => Origin::Application,
            _ => Origin::Package,
        };
        for (name, paths) in groups {
            wishes.add(ModuleWish {
                rule: Rule::Python,
                name,
                origin,
                source: EvidenceSource {
                    file: file.clone(),
                    line: None,
                    symbol: Some(package.clone()),
                },
                modules: Vec::new(),
                paths,
            });
        }
    }
}

fn node_of(path: &ImagePath, view: &View<'_>) -> Option<NodeId> {
    view.files.rootfs.lookup(path)
}

/// Whether a module lies anywhere below a directory.
fn has_modules(dir: NodeId, view: &View<'_>) -> bool {
    let rootfs = view.files.rootfs;
    let mut stack = vec![dir];
    let mut left = MAX_ENTRIES;
    while let Some(dir) = stack.pop() {
        for (name, &child) in rootfs.children(dir) {
            left = left.saturating_sub(1);
            if name.ends_with(b".py") || left == 0 {
                return true;
            }
            if rootfs.node(child).is_dir() {
                stack.push(child);
            }
        }
    }
    false
}

/// A directory of data with all below it, if that is small; or else each directory by itself. Translations are one
/// group in any case.
fn directory(
    top: &ImagePath,
    node: NodeId,
    view: &View<'_>,
) -> BTreeMap<String, BTreeSet<ImagePath>> {
    let rootfs = view.files.rootfs;
    let mut groups = BTreeMap::new();
    let mut left = MAX_ENTRIES;
    let mut stack = vec![(top.clone(), node)];
    while let Some((dir, node)) = stack.pop() {
        if messages(&dir, node, view, &mut groups) {
            continue;
        }
        let files = files_in(&dir, node, view);
        left = left.saturating_sub(files.len() + 1);
        if left == 0 {
            break;
        }
        groups.insert(format!("{dir}/*"), files);
        for (name, &child) in rootfs.children(node) {
            if rootfs.node(child).is_dir() && !holds_tests_alone(name) {
                stack.push((dir.join(name), child));
            }
        }
    }
    let all: BTreeSet<ImagePath> = groups.values().flatten().cloned().collect();
    let sizes = all.iter().filter_map(|path| rootfs.get(path));
    let size: u64 = sizes.map(|node| node.size()).sum();
    if size <= MAX_WHOLE && groups.len() > 1 {
        BTreeMap::from([(format!("{top}/**"), all)])
    } else {
        groups
    }
}

/// `locale/*/LC_MESSAGES/*.mo`; `false` if a directory is no such one.
fn messages(
    dir: &ImagePath,
    node: NodeId,
    view: &View<'_>,
    groups: &mut BTreeMap<String, BTreeSet<ImagePath>>,
) -> bool {
    let rootfs = view.files.rootfs;
    let mut paths = BTreeSet::new();
    let mut is_locale = false;
    for (language, &child) in rootfs.children(node) {
        let Some(&messages) = rootfs.children(child).get(MESSAGES) else {
            continue;
        };
        is_locale = true;
        let dir = dir.join(language).join(MESSAGES);
        let names = rootfs.children(messages).keys();
        let names = names.filter(|name| name.ends_with(b".mo"));
        paths.extend(names.map(|name| dir.join(name)));
    }
    if is_locale {
        groups.insert(format!("{dir}/*/LC_MESSAGES/*.mo"), paths);
    }
    is_locale
}

/// The files right in a directory that a program may read.
fn files_in(dir: &ImagePath, node: NodeId, view: &View<'_>) -> BTreeSet<ImagePath> {
    let rootfs = view.files.rootfs;
    let files = rootfs.children(node).iter().filter(|(name, child)| {
        !rootfs.node(**child).is_dir()
            && !SOURCES
                .iter()
                .any(|ending| name.ends_with(ending.as_bytes()))
    });
    files
        .map(|(name, _)| dir.join(name))
        .take(MAX_ENTRIES)
        .collect()
}
