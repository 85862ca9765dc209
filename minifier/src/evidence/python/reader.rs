//! [`Python`]: the reader. What it makes of one module is in `module`, of the config and the interpreter in `begin`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::data::PackageData;
use super::distributions::Distributions;
use super::facts::Computed;
use super::family::families;
use super::library::{Library, ModuleFile};
use super::search::{Found, Rank, stem};
use super::speaker::Speaker;
use super::wishes::{ModuleWish, Wishes};
use crate::analyze::ReadError;
use crate::evidence::reader::{Gathered, Reader};
use crate::evidence::{EvidenceSource, KeptFile, Origin, Rule, View};
use crate::rootfs::ImagePath;

/// Reads Python.
#[derive(Default)]
pub(crate) struct Python {
    pub(crate) library: Library,
    pub(crate) wishes: Wishes,
    pub(crate) data: PackageData,
    distributions: Distributions,
    /// Computed names that can begin with any package: they are tried on those that stay later, too.
    pub(crate) open: Vec<(Computed, Rc<Speaker>)>,
    /// Computed names that were looked at.
    pub(crate) computed: usize,
    /// How far modules are from what the workload used: 0 for that itself and for the application's own.
    distance: BTreeMap<ImagePath, u8>,
    /// Modules that something names, by path.
    pub(crate) named: BTreeSet<ImagePath>,
    /// Modules that the workload used.
    used: BTreeSet<ImagePath>,
    /// Modules that were read.
    seen: BTreeSet<ImagePath>,
    /// Modules that were read before a standard library was known.
    early: Vec<ModuleFile>,
    has_begun: bool,
    has_started: bool,
}

impl Reader for Python {
    fn rule(&self) -> Rule {
        Rule::Python
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            self.library.search.add_surroundings(view);
        }
        for file in kept {
            self.library.search.add_file(&file.path, view);
        }
        let modules = self.modules(kept, view);
        self.library.read(modules.iter().cloned(), view)?;
        let packages = self.data.count();
        for (path, _) in &modules {
            self.data
                .read(path, &self.library.search, view, &mut self.wishes);
        }
        if self.data.count() > packages {
            for (computed, speaker) in self.open.clone() {
                self.computed(&computed, &speaker, view);
            }
        }
        // A script can stay before its interpreter does, which something else names: only then is it known what its
        // imports stand for.
        let is_known = self.library.search.has_library();
        let mut now = modules;
        if is_known {
            now.append(&mut self.early);
        }
        for module in &now {
            self.module(module, view, out);
        }
        if !is_known {
            self.early.extend(now);
        }
        if self.library.search.has_library() {
            if !std::mem::replace(&mut self.has_started, true) {
                self.start(kept, view);
            }
            self.distributions
                .read(&mut self.library.search, view, &mut self.wishes, out)?;
        }
        if is_first {
            self.commands(view);
            families(
                &self.used,
                &self.named,
                &mut self.library,
                view,
                &mut self.wishes,
            );
        }
        let granted = self.wishes.grant(&mut self.library, view, out)?;
        for (from, paths) in granted {
            let distance = self.distance_of(&from).saturating_add(1);
            for path in paths {
                let known = self.distance.entry(path).or_insert(distance);
                *known = (*known).min(distance);
            }
        }
        Ok(())
    }
}

impl Python {
    /// The modules among kept files that were not read yet: sources for compiled ones beside them.
    fn modules(&mut self, kept: &[KeptFile], view: &View<'_>) -> Vec<ModuleFile> {
        let mut modules = BTreeMap::new();
        for file in kept {
            let source = source_of(&file.path);
            if stem(file.path.file_name()).is_none() && source.is_none() {
                continue;
            }
            let path = source.unwrap_or_else(|| file.path.clone());
            let Some(node) = view.files.rootfs.lookup(&path) else {
                continue;
            };
            if view.files.rootfs.node(node).content().is_none() {
                continue;
            }
            if file.used {
                self.used.insert(path.clone());
            }
            modules.insert(path, node);
        }
        modules.retain(|path, _| self.seen.insert(path.clone()));
        for path in modules.keys() {
            if self.used.contains(path) || self.is_application(path, view) {
                self.distance.insert(path.clone(), 0);
            }
        }
        modules.into_iter().collect()
    }

    /// How far a module is from what the workload used.
    pub(crate) fn distance_of(&self, path: &ImagePath) -> u8 {
        self.distance.get(path).copied().unwrap_or(1)
    }

    /// Whether the workload loaded a module.
    pub(crate) fn was_used(&self, path: &ImagePath) -> bool {
        self.used.contains(path)
    }

    /// Whether a module is the application's own. An image may have no database of its packages, and where packages
    /// are installed is known anyway.
    pub(crate) fn is_application(&self, path: &ImagePath, view: &View<'_>) -> bool {
        let search = &self.library.search;
        let node = view.files.rootfs.lookup(path);
        let is_unowned = node.is_some_and(|node| view.origin(node) == Origin::Application);
        let is_installed = |root: &ImagePath| {
            let mut libraries = search
                .of_rank(Rank::Standard)
                .chain(search.of_rank(Rank::Site));
            libraries.any(|(library, _)| root.starts_with(library))
        };
        is_unowned && !search.root_of(path).is_some_and(is_installed)
    }

    /// Asks for a module, unless it is a package without files of its own.
    pub(crate) fn wish(&mut self, module: &Found, origin: Origin, source: EvidenceSource) {
        if !module.files.is_empty() {
            self.wishes.add(ModuleWish {
                rule: Rule::Python,
                name: module.name.clone(),
                origin,
                source,
                modules: module.files.clone(),
                paths: BTreeSet::new(),
            });
        }
    }

    /// Takes down that something names a module.
    pub(crate) fn is_named(&mut self, module: &Found) {
        let files = module.files.iter();
        self.named.extend(files.map(|(path, _)| path.clone()));
    }
}

/// `a.py` of `__pycache__/a.cpython-311.pyc`, which is loaded only if the source is there.
fn source_of(path: &ImagePath) -> Option<ImagePath> {
    let name = path.file_name();
    let dir = path.parent()?;
    if dir.file_name() != b"__pycache__" || !name.ends_with(b".pyc") {
        return None;
    }
    let at = name.iter().position(|&b| b == b'.')?;
    Some(dir.parent()?.join([&name[..at], b".py"].concat()))
}
