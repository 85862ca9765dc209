//! [`Python`]: the reader.

use std::collections::{BTreeMap, BTreeSet};

use super::data::PackageData;
use super::distributions::Distributions;
use super::facts::{Computed, Facts, When, is_dotted};
use super::family::families;
use super::library::{File, Library, module_dir};
use super::pattern::matches;
use super::search::{Found, Rank, Search, stem};
use super::wishes::{Wish, Wishes};
use crate::analyze::ReadError;
use crate::evidence::reader::{Gathered, Reader};
use crate::evidence::{KeptFile, Origin, Rule, Source, View};
use crate::rootfs::ImagePath;

/// How far from what the workload used a package's imports inside functions are followed. Each step asks for what is
/// less likely than the one before.
const MAX_DISTANCE: u8 = 2;
/// Directories of a package that frameworks import from by the package's name: Django, `AppConfig` and `loaddata`.
const BY_CONVENTION: [&str; 3] = ["templatetags", "management.commands", "migrations"];
/// Matches of one computed name that are groups of their own; more are one.
const MAX_SINGLE: usize = 40;
/// Names of modules whose strings name others: frameworks load what they find there.
const SETTINGS: [&[u8]; 4] = [b"settings", b"global_settings", b"config", b"defaults"];

/// Reads Python.
#[derive(Default)]
pub(crate) struct Python {
    library: Library,
    wishes: Wishes,
    data: PackageData,
    distributions: Distributions,
    /// Modules that were read, with how far they are from what the workload used.
    distance: BTreeMap<ImagePath, u8>,
    /// Modules that something names, by path.
    named: BTreeSet<ImagePath>,
    /// Modules that the workload used.
    used: BTreeSet<ImagePath>,
    seen: BTreeSet<ImagePath>,
    begun: bool,
    started: bool,
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
        let is_first = !std::mem::replace(&mut self.begun, true);
        if is_first {
            self.library.search.add_surroundings(view);
        }
        for file in kept {
            self.library.search.add_file(&file.path, view);
        }
        let modules = self.modules(kept, view);
        self.library.read(modules.iter().cloned(), view)?;
        for (path, _) in &modules {
            self.data
                .read(path, &self.library.search, view, &mut self.wishes);
        }
        for module in &modules {
            self.module(module, view, out);
        }
        if self.library.search.has_library() {
            if !std::mem::replace(&mut self.started, true) {
                self.start(&modules, view);
            }
            self.distributions
                .read(&mut self.library.search, view, &mut self.wishes)?;
        }
        if is_first {
            self.commands(view);
            let used = std::mem::take(&mut self.used);
            families(
                &used,
                &self.named,
                &mut self.library,
                view,
                &mut self.wishes,
            );
        }
        let granted = self.wishes.grant(&mut self.library, view, out)?;
        for (from, paths) in granted {
            let distance = self.distance.get(&from).map_or(1, |near| near + 1);
            for path in paths {
                let known = self.distance.entry(path).or_insert(distance);
                *known = (*known).min(distance);
            }
        }
        Ok(())
    }
}

impl Python {
    /// The modules among kept files: sources for compiled ones beside them, each once.
    fn modules(&mut self, kept: &[KeptFile], view: &View<'_>) -> Vec<File> {
        let mut modules = BTreeMap::new();
        for file in kept {
            if stem(file.path.file_name()).is_none() && !is_cached(&file.path) {
                continue;
            }
            let path = match source_of(&file.path) {
                Some(source) => source,
                None => file.path.clone(),
            };
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
        // What was asked for once is not asked for again.
        modules.retain(|path, _| self.seen.insert(path.clone()));
        for path in modules.keys() {
            let is_near = self.used.contains(path) || self.is_application(path, view);
            let distance = self.distance.entry(path.clone()).or_insert(1);
            if is_near {
                *distance = 0;
            }
        }
        modules.into_iter().collect()
    }

    fn is_application(&self, path: &ImagePath, view: &View<'_>) -> bool {
        let node = view.files.rootfs.lookup(path);
        let unowned = node.is_some_and(|node| view.origin(node) == Origin::Application);
        // An image may have no database of its packages, or one that does not know what `pip --target` installed.
        let root = self.library.search.root_of(path);
        unowned
            && root.is_none_or(|root| {
                !matches!(root.file_name(), b"site-packages" | b"dist-packages")
                    && !self
                        .library
                        .search
                        .of_rank(Rank::Standard)
                        .any(|(dir, _)| root.starts_with(dir))
            })
    }

    /// What one module says.
    fn module(&mut self, file: &File, view: &View<'_>, out: &mut Gathered) {
        let facts = self.library.facts(file.1);
        let dir = module_dir(&file.0);
        let distance = self.distance.get(&file.0).copied().unwrap_or(1);
        let is_own = self.is_application(&file.0, view);
        let was_loaded = !is_own && self.used.contains(&file.0);
        let origin = match (is_own, distance) {
            (true, _) => Origin::Application,
            (false, 0) => Origin::Used,
            (false, _) => Origin::Package,
        };
        let place = |line: u32, symbol: &str| Source {
            file: file.0.clone(),
            line: (line > 0).then_some(line),
            symbol: Some(symbol.to_owned()),
        };
        if let Some(how) = &facts.broken {
            let message = format!("imports in it may be missing: {how}");
            let source = Source {
                file: file.0.clone(),
                line: None,
                symbol: None,
            };
            self.wishes.note(source, message, out);
        }
        if distance == 0 {
            for &line in &facts.unknown {
                let message = "imports a module by a computed name: what it is is not known";
                let source = place(line, "import_module");
                self.wishes.note(source, message.to_owned(), out);
            }
        }
        let failing = self.library.failing(&facts, &dir, view);
        for import in &facts.imports {
            let found = self.library.targets(import, &dir, view);
            for module in &found {
                self.named
                    .extend(module.files.iter().map(|(path, _)| path.clone()));
            }
            let is_wanted = match import.when {
                // A module that was loaded has loaded these, unless they are not for this system.
                When::Load => !was_loaded,
                When::Instead(number) => !was_loaded && failing.contains(&number),
                When::Call => is_own || distance < MAX_DISTANCE,
            };
            if !is_wanted {
                continue;
            }
            // What is taken from a package brings the package.
            let skip = usize::from(found.len() > 1);
            for module in found.iter().skip(skip) {
                self.wish(module, origin, place(import.line, &module.name));
            }
        }
        self.strings(&facts, file, is_own, origin, view);
        if is_own || distance < MAX_DISTANCE {
            for computed in &facts.computed {
                self.computed(computed, &dir, origin, &place, view);
            }
        }
    }

    /// Constant strings that name modules.
    fn strings(
        &mut self,
        facts: &Facts,
        file: &File,
        is_own: bool,
        origin: Origin,
        view: &View<'_>,
    ) {
        let package = self.library.search.name_of(&module_dir(&file.0));
        let top = package.split('.').next().unwrap_or_default().to_owned();
        let stem = stem(file.0.file_name()).unwrap_or_default();
        let is_settings = is_own || SETTINGS.contains(&stem);
        let rootfs = view.files.rootfs;
        for (text, line) in &facts.strings {
            let (name, attribute) = match text.split_once(':') {
                Some((module, attribute)) => (module, Some(attribute)),
                None => (text.as_str(), None),
            };
            if attribute.is_some() && !is_own {
                continue;
            }
            // Elsewhere a string is taken for a module if it names one of the same distribution.
            let is_near = name.split('.').next() == Some(top.as_str());
            if !is_settings && !is_near {
                continue;
            }
            let exact = self.library.search.find(rootfs, name);
            let found = match exact {
                Some(found) => Some(found),
                None if is_settings => name.rsplit_once('.').and_then(|(module, _)| {
                    let found = self.library.search.find(rootfs, module)?;
                    (!found.files.is_empty()).then_some(found)
                }),
                None => None,
            };
            let Some(found) = found else { continue };
            self.named
                .extend(found.files.iter().map(|(path, _)| path.clone()));
            let source = Source {
                file: file.0.clone(),
                line: Some(*line),
                symbol: Some(text.clone()),
            };
            self.wish(&found, origin, source.clone());
            if is_own && found.name == name {
                self.by_convention(&found, &source, view);
            }
        }
    }

    /// What a framework imports from a package that its settings name.
    fn by_convention(&mut self, package: &Found, source: &Source, view: &View<'_>) {
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
            self.wishes.add(Wish {
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
    fn computed(
        &mut self,
        computed: &Computed,
        dir: &ImagePath,
        origin: Origin,
        place: &dyn Fn(u32, &str) -> Source,
        view: &View<'_>,
    ) {
        let shown = computed.parts.join("*");
        let package = self.library.search.name_of(dir);
        let packages = self.data.packages(&self.library.search);
        let found = matches(
            computed,
            &package,
            &packages,
            &mut self.library.search,
            view.files.rootfs,
        );
        if found.len() <= MAX_SINGLE {
            for module in found {
                let source = place(computed.line, &shown);
                self.wish(&module, origin, source);
            }
            return;
        }
        let modules = found.iter().flat_map(|module| module.files.iter().cloned());
        self.wishes.add(Wish {
            rule: Rule::Python,
            name: shown.clone(),
            origin,
            source: place(computed.line, &shown),
            modules: modules.collect(),
            paths: BTreeSet::new(),
        });
    }

    fn wish(&mut self, module: &Found, origin: Origin, source: Source) {
        if module.files.is_empty() {
            return;
        }
        self.wishes.add(Wish {
            rule: Rule::Python,
            name: module.name.clone(),
            origin,
            source,
            modules: module.files.clone(),
            paths: BTreeSet::new(),
        });
    }

    /// What the interpreter loads before anything else, and every encoding: they are loaded by computed names, as late
    /// as the first text that needs one.
    fn start(&mut self, modules: &[File], view: &View<'_>) {
        let rootfs = view.files.rootfs;
        let standard = self.library.search.of_rank(Rank::Standard).next();
        let Some(file) = modules
            .first()
            .map(|(path, _)| path.clone())
            .or_else(|| standard.map(|(dir, _)| dir.clone()))
        else {
            return;
        };
        let mut wish = |name: &str, origin, modules: Vec<File>| {
            self.wishes.add(Wish {
                rule: Rule::Python,
                name: name.to_owned(),
                origin,
                source: Source {
                    file: file.clone(),
                    line: None,
                    symbol: Some(name.to_owned()),
                },
                modules,
                paths: BTreeSet::new(),
            });
        };
        let mut first = Vec::new();
        for name in ["site", "os", "codecs", "io", "abc", "encodings.utf_8"] {
            let found = self.library.search.find(rootfs, name);
            first.extend(found.iter().flat_map(|found| found.files.iter().cloned()));
        }
        wish("start", Origin::Application, first);
        if let Some(encodings) = self.library.search.find(rootfs, "encodings") {
            let mut all = encodings.files.clone();
            for name in Search::submodules(rootfs, &encodings) {
                let name = format!("encodings.{name}");
                let found = self.library.search.find(rootfs, &name);
                all.extend(found.iter().flat_map(|found| found.files.iter().cloned()));
            }
            wish("encodings.*", Origin::Used, all);
        }
    }

    /// `python -m module`, `gunicorn module:app`, `celery -A module`.
    fn commands(&mut self, view: &View<'_>) {
        let rootfs = view.files.rootfs;
        for command in &view.surroundings.commands {
            let Some(program) = command.first() else {
                continue;
            };
            let resolution = view.surroundings.search.find(rootfs, program.as_bytes());
            let Some(program) = resolution.as_ref().and_then(|found| found.found()) else {
                continue;
            };
            let source = |word: &str| Source {
                file: program.0.clone(),
                line: None,
                symbol: Some(word.to_owned()),
            };
            let mut is_module = false;
            for word in &command[1..] {
                let runs = std::mem::replace(&mut is_module, word == "-m");
                // `--app=module:app`
                let value = word
                    .split_once('=')
                    .map_or(word.as_str(), |(_, value)| value);
                let name = value.split_once(':').map_or(value, |(module, _)| module);
                if !is_dotted(name, 0) {
                    continue;
                }
                let Some(found) = self.library.search.find(rootfs, name) else {
                    continue;
                };
                // A plain word is an argument of any kind, unless the application has a module of that name.
                let says_so = runs || value.contains([':', '.']) || found.rank == Rank::Main;
                if !says_so {
                    continue;
                }
                self.named
                    .extend(found.files.iter().map(|(path, _)| path.clone()));
                self.wish(&found, Origin::Application, source(word));
                let main = self
                    .library
                    .search
                    .find(rootfs, &format!("{name}.__main__"));
                if let Some(main) = main.filter(|_| runs) {
                    self.wish(&main, Origin::Application, source(word));
                }
            }
        }
    }
}

/// Whether a file is one that Python compiled for itself.
fn is_cached(path: &ImagePath) -> bool {
    path.file_name().ends_with(b".pyc")
        && path
            .parent()
            .is_some_and(|dir| dir.file_name() == b"__pycache__")
}

/// `a.py` of `__pycache__/a.cpython-311.pyc`, which is loaded only if the source is there.
fn source_of(path: &ImagePath) -> Option<ImagePath> {
    if !is_cached(path) {
        return None;
    }
    let name = path.file_name();
    let at = name.iter().position(|&b| b == b'.')?;
    let dir = path.parent()?.parent()?;
    Some(dir.join([&name[..at], b".py"].concat()))
}
