//! [`Library`]: what is known of modules, read in parallel and once, and what each loads.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::depth::STACK;
use super::facts::{Facts, Import, When};
use super::native::{MAX_NATIVE, names};
use super::parse::{MAX_SOURCE, parse};
use super::search::{Found, Search, is_native};
use crate::analyze::{Files, ReadError};
use crate::evidence::View;
use crate::rootfs::{ImagePath, NodeId};

/// Modules that one group can load. The largest applications have about 10,000 in all.
const MAX_LOADED: usize = 20_000;
/// Modules that are looked at for all groups together. Applications of some thousand modules take a tenth of it.
const MAX_WORK: usize = 5_000_000;

/// A file with its node.
pub(crate) type ModuleFile = (ImagePath, NodeId);

/// The modules of the image.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) search: Search,
    facts: BTreeMap<NodeId, Rc<Facts>>,
    /// What each file loads; of the directories as they were at `changes`.
    loads: BTreeMap<NodeId, Rc<[ModuleFile]>>,
    changes: u32,
    /// Modules that were looked at for groups.
    work: usize,
}

impl Library {
    /// Whether groups are not followed any more, as there was too much to follow.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.work >= MAX_WORK
    }

    /// What a file says; nothing if it was not read.
    pub(crate) fn facts(&self, node: NodeId) -> Rc<Facts> {
        self.facts.get(&node).cloned().unwrap_or_default()
    }

    /// Reads files that were not read yet, on all processors.
    pub(crate) fn read(
        &mut self,
        files: impl IntoIterator<Item = ModuleFile>,
        view: &View<'_>,
    ) -> Result<(), ReadError> {
        let mut wanted: BTreeMap<NodeId, ImagePath> = BTreeMap::new();
        for (path, node) in files {
            if !self.facts.contains_key(&node) {
                wanted.entry(node).or_insert(path);
            }
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        for (node, facts) in read_all(&wanted, view.files)? {
            self.facts.insert(node, Rc::new(facts));
        }
        Ok(())
    }

    /// The modules that an import names, as written in a module in `dir`: first what stands behind `import` or
    /// `from`, then what is taken from it, if that is a module.
    pub(crate) fn targets(
        &mut self,
        import: &Import,
        dir: &ImagePath,
        view: &View<'_>,
    ) -> Vec<Rc<Found>> {
        let rootfs = view.files.rootfs;
        let name = match import.level {
            0 => import.module.clone(),
            level => {
                // More dots than directories lead nowhere.
                let Some(base) = std::iter::once(dir.clone())
                    .chain(dir.ancestors())
                    .nth(level as usize - 1)
                else {
                    return Vec::new();
                };
                joined(&self.search.name_of(&base), &import.module)
            }
        };
        let mut found = Vec::new();
        if !name.is_empty() {
            match self.find_from(dir, &name, view) {
                Some(module) => found.push(module),
                None => return found,
            }
        }
        for taken in &import.names {
            found.extend(self.search.find(rootfs, &joined(&name, taken)));
        }
        // A string of native code names a sibling by chance if it is a common word.
        if import.line == 0 && import.level > 0 && !import.module.starts_with('_') {
            found.retain(|module| {
                let own = module.files.last();
                own.is_some_and(|(path, _)| is_native(path.file_name()))
            });
        }
        found
    }

    /// A module by its name, or one beside the file that imports it: a script's own directory is searched too.
    fn find_from(&mut self, dir: &ImagePath, name: &str, view: &View<'_>) -> Option<Rc<Found>> {
        let rootfs = view.files.rootfs;
        let found = self.search.find(rootfs, name);
        found.or_else(|| {
            let own = self.search.name_of(dir);
            let is_script = !own.is_empty() && !super::search::is_package(rootfs, dir);
            is_script
                .then(|| self.search.find(rootfs, &joined(&own, name)))
                .flatten()
        })
    }

    /// Whether an import may fail: its module is not there, or what is taken from it is an attribute that may not be.
    fn may_fail(&mut self, import: &Import, dir: &ImagePath, view: &View<'_>) -> bool {
        let found = self.targets(import, dir, view).len();
        found == 0 || found <= import.names.len()
    }

    /// Numbers of `try`s in a module of which an import may fail.
    pub(crate) fn failing(
        &mut self,
        facts: &Facts,
        dir: &ImagePath,
        view: &View<'_>,
    ) -> BTreeSet<u32> {
        let mut failing = BTreeSet::new();
        for import in &facts.imports {
            if let Some(number) = import.tried
                && !failing.contains(&number)
                && self.may_fail(import, dir, view)
            {
                failing.insert(number);
            }
        }
        failing
    }

    /// The files that a module loads as it is loaded itself.
    fn loads(&mut self, file: &ModuleFile, view: &View<'_>) -> Rc<[ModuleFile]> {
        if let Some(known) = self.loads.get(&file.1) {
            return Rc::clone(known);
        }
        let facts = self.facts(file.1);
        let dir = module_dir(&file.0);
        let failing = self.failing(&facts, &dir, view);
        let mut files = BTreeSet::new();
        for import in &facts.imports {
            let is_loaded = match import.when {
                When::Load => true,
                When::Instead(number) => failing.contains(&number),
                When::Call => false,
            };
            if is_loaded {
                let found = self.targets(import, &dir, view);
                files.extend(found.iter().flat_map(|module| module.files.iter().cloned()));
            }
        }
        let files: Rc<[ModuleFile]> = files.into_iter().collect();
        self.loads.insert(file.1, Rc::clone(&files));
        files
    }

    /// All files that these load and that do not stay yet, with themselves. What is read of them is read in parallel,
    /// one step after the other.
    pub(crate) fn closure(
        &mut self,
        start: impl IntoIterator<Item = ModuleFile>,
        view: &View<'_>,
    ) -> Result<BTreeSet<ImagePath>, ReadError> {
        if self.changes != self.search.changes {
            self.loads.clear();
            self.changes = self.search.changes;
        }
        let mut paths = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut next: Vec<ModuleFile> = start.into_iter().collect();
        while !next.is_empty() && seen.len() < MAX_LOADED {
            next.retain(|(path, node)| seen.insert(*node) && !stays(path, view));
            self.work += next.len();
            self.read(next.iter().cloned(), view)?;
            for file in std::mem::take(&mut next) {
                if !self.is_exhausted() {
                    next.extend(self.loads(&file, view).iter().cloned());
                }
                paths.insert(file.0);
            }
        }
        Ok(paths)
    }
}

/// Whether a path, or what it leads to, stays already.
pub(crate) fn stays(path: &ImagePath, view: &View<'_>) -> bool {
    if (view.kept)(path) {
        return true;
    }
    let rootfs = view.files.rootfs;
    // Resolving takes long; nearly no path has a link in it.
    let has_link = match rootfs.lookup(path) {
        Some(node) => rootfs.node(node).link_target().is_some(),
        None => true,
    };
    has_link
        && view
            .existing(path.as_bytes())
            .is_some_and(|(end, _)| (view.kept)(&end))
}

/// `a.b` of `a` and `b`, each of which may be empty.
fn joined(package: &str, name: &str) -> String {
    match (package.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => package.to_owned(),
        _ => format!("{package}.{name}"),
    }
}

/// The directory of the package that a module lies in.
pub(crate) fn module_dir(path: &ImagePath) -> ImagePath {
    path.parent().unwrap_or_else(ImagePath::root)
}

fn read_all(
    files: &[(NodeId, ImagePath)],
    store: Files<'_>,
) -> Result<Vec<(NodeId, Facts)>, ReadError> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Result<(NodeId, Facts), ReadError>>> = Mutex::new(Vec::new());
    let work = || {
        while let Some((node, path)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let facts = read_one(path, *node, store).map(|facts| (*node, facts));
            done.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(facts);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(files.len()) {
            let builder = std::thread::Builder::new().stack_size(STACK);
            if builder.spawn_scoped(scope, work).is_err() {
                // Without a thread there is not enough stack; the others do its part, or the check below finds it.
                break;
            }
        }
    });
    let done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut facts: Vec<(NodeId, Facts)> = done.into_iter().collect::<Result<_, _>>()?;
    if let Some((_, path)) = files.get(facts.len()) {
        return Err(ReadError {
            path: path.clone(),
            source: std::io::Error::other("no thread could be started to parse it"),
        });
    }
    facts.sort_by_key(|(node, _)| *node);
    Ok(facts)
}

fn read_one(path: &ImagePath, node: NodeId, store: Files<'_>) -> Result<Facts, ReadError> {
    let name = path.file_name();
    let size = store.rootfs.node(node).size();
    let too_large = |limit: u64| Facts {
        broken: Some(format!("it is larger than {} MB", limit >> 20)),
        ..Facts::default()
    };
    if is_native(name) {
        if size > MAX_NATIVE {
            return Ok(too_large(MAX_NATIVE));
        }
        let bytes = store.read_node(path, node, MAX_NATIVE)?;
        return Ok(bytes.map(|bytes| names(&bytes)).unwrap_or_default());
    }
    if !name.ends_with(b".py") {
        return Ok(Facts::default());
    }
    if size > MAX_SOURCE {
        return Ok(too_large(MAX_SOURCE));
    }
    let Some(source) = store.read_node(path, node, MAX_SOURCE)? else {
        return Ok(Facts::default());
    };
    // A fault of the parser is no fault of the image, and must not end the program.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(&source)));
    Ok(parsed.unwrap_or_else(|_| Facts {
        broken: Some("the parser failed".to_owned()),
        ..Facts::default()
    }))
}
