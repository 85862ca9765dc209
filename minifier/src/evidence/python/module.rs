//! What one module says: imports, constant strings, names that it puts together.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::facts::{Computed, Import, When};
use super::library::{ModuleFile, module_dir};
use super::pattern::matches;
use super::reader::Python;
use super::search::{Found, Rank, Search};
use super::speaker::Speaker;
use super::tools::is_tool;
use super::wishes::ModuleWish;
use crate::evidence::reader::Gathered;
use crate::evidence::{EvidenceSource, Origin, Rule, View};

/// Directories of a package that frameworks import from by the package's name: Django, `AppConfig` and `loaddata`.
const BY_CONVENTION: [&str; 3] = ["templatetags", "management.commands", "migrations"];
/// Computed names that are looked at; each can take a walk through a directory. The largest applications have a
/// thousand.
const MAX_COMPUTED: usize = 10_000;
/// Matches of one computed name that are groups of their own; more are one.
const MAX_SINGLE: usize = 40;

impl Python {
    /// Asks for what a module names.
    pub(crate) fn module(&mut self, file: &ModuleFile, view: &View<'_>, out: &mut Gathered) {
        let path = file.0.clone();
        let dir = module_dir(&path);
        let package = self.library.search.name_of(&dir);
        let is_own = self.is_application(&path, view);
        let distance = self.distance_of(&path);
        let speaker = Rc::new(Speaker {
            top: package.split('.').next().unwrap_or_default().to_owned(),
            facts: self.library.facts(file.1),
            origin: match (is_own, distance) {
                (true, _) => Origin::Application,
                (false, 0) => Origin::Used,
                (false, _) => Origin::Package,
            },
            path,
            dir,
            package,
            is_own,
            distance,
        });
        self.notes(&speaker, out);
        self.imports(&speaker, view);
        self.strings(&speaker, view);
        for computed in &speaker.facts.computed {
            self.computed(computed, &speaker, view);
            if computed.starts_anywhere() {
                self.open.push((computed.clone(), Rc::clone(&speaker)));
            }
        }
    }

    fn notes(&mut self, speaker: &Speaker, out: &mut Gathered) {
        if let Some(how) = &speaker.facts.broken {
            let source = EvidenceSource {
                file: speaker.path.clone(),
                line: None,
                symbol: None,
            };
            let message = format!("imports in it may be missing: {how}");
            self.wishes.note(source, message, out);
        }
        if speaker.distance > 0 {
            return;
        }
        for &line in &speaker.facts.unknown {
            let message = "imports a module by a name that is not known before it runs".to_owned();
            self.wishes
                .note(speaker.source(line, "import_module"), message, out);
        }
    }

    fn imports(&mut self, speaker: &Speaker, view: &View<'_>) {
        // A module that was loaded has loaded what it imports as it is loaded, unless that is not for this system. The
        // application's own may do it by a variable.
        let was_loaded = !speaker.is_own && self.was_used(&speaker.path);
        let facts = Rc::clone(&speaker.facts);
        let failing = self.library.failing(&facts, &speaker.dir, view);
        for import in &facts.imports {
            let found = self.library.targets(import, &speaker.dir, view);
            for module in &found {
                self.is_named(module);
            }
            let is_wanted = match import.when {
                When::Load => !was_loaded,
                When::Instead(number) => !was_loaded && failing.contains(&number),
                When::Call => true,
            };
            if is_wanted {
                self.import(import, &found, speaker);
            }
        }
    }

    fn import(&mut self, import: &Import, found: &[Rc<Found>], speaker: &Speaker) {
        // What is taken from a package brings the package.
        let skip = usize::from(found.len() > 1);
        for module in &found[skip..] {
            if import.when != When::Call || speaker.is_likely(&module.name) {
                let source = speaker.source(import.line, &module.name);
                self.wish(module, speaker.origin, source);
            }
        }
    }

    /// Constant strings that name modules.
    fn strings(&mut self, speaker: &Speaker, view: &View<'_>) {
        let has_settings = speaker.has_settings();
        let is_settings = speaker.is_own || has_settings;
        let rootfs = view.files.rootfs;
        for (text, line) in &speaker.facts.strings {
            let (name, attribute) = match text.split_once(':') {
                Some((module, attribute)) => (module, Some(attribute)),
                None => (text.as_str(), None),
            };
            // Elsewhere a string is taken for a module if it is the name of one of the same package.
            let is_near = name.split('.').next() == Some(speaker.top.as_str());
            let is_allowed =
                speaker.is_own || attribute.is_none() && !is_tool(name) && (is_settings || is_near);
            if !is_allowed {
                continue;
            }
            let exact = self.library.search.find(rootfs, name);
            let found = match (exact, name.rsplit_once('.')) {
                (Some(found), _) => Some(found),
                (None, Some((module, _))) if is_settings => {
                    self.library.search.find(rootfs, module)
                }
                _ => None,
            };
            let Some(found) = found else { continue };
            // A plain word is an application of Django, or any other word.
            let is_word = found.name == *text && !text.contains('.');
            let is_application = has_settings && !found.dirs.is_empty();
            if is_word && (!is_application || found.rank == Rank::Standard) {
                continue;
            }
            self.is_named(&found);
            let source = speaker.source(*line, text);
            self.wish(&found, speaker.origin, source.clone());
            if speaker.is_own && found.name == name {
                self.by_convention(&found, &source, view);
            }
        }
    }

    /// What a framework imports from a package that the application's settings name.
    fn by_convention(&mut self, package: &Found, source: &EvidenceSource, view: &View<'_>) {
        let rootfs = view.files.rootfs;
        if package.dirs.is_empty() {
            return;
        }
        for part in BY_CONVENTION {
            let name = format!("{}.{part}", package.name);
            let Some(inner) = self.library.search.find(rootfs, &name) else {
                continue;
            };
            let mut modules = inner.files.clone();
            for sub in Search::submodules(rootfs, &inner) {
                let sub = self.library.search.find(rootfs, &format!("{name}.{sub}"));
                modules.extend(sub.iter().flat_map(|sub| sub.files.iter().cloned()));
            }
            self.wishes.add(ModuleWish {
                rule: Rule::Python,
                name: format!("{name}.*"),
                origin: Origin::Application,
                source: source.clone(),
                modules,
                paths: BTreeSet::new(),
            });
        }
    }

    /// Modules whose names can be what is put together here.
    pub(crate) fn computed(&mut self, computed: &Computed, speaker: &Speaker, view: &View<'_>) {
        if self.computed >= MAX_COMPUTED {
            return;
        }
        self.computed += 1;
        let packages = if computed.starts_anywhere() {
            self.data.packages(&self.library.search)
        } else {
            BTreeSet::new()
        };
        let mut found = matches(
            computed,
            &speaker.package,
            &packages,
            &mut self.library.search,
            view.files.rootfs,
        );
        found.retain(|module| speaker.is_likely(&module.name));
        let shown = computed.parts.join("*");
        let source = speaker.source(computed.line, &shown);
        if found.len() <= MAX_SINGLE {
            for module in found {
                self.is_named(&module);
                self.wish(&module, speaker.origin, source.clone());
            }
            return;
        }
        let modules = found.iter().flat_map(|module| module.files.iter().cloned());
        self.wishes.add(ModuleWish {
            rule: Rule::Python,
            name: shown,
            origin: speaker.origin,
            source,
            modules: modules.collect(),
            paths: BTreeSet::new(),
        });
    }
}
