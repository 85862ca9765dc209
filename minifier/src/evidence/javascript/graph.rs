//! [`Modules`]: the files of JavaScript that were read, and what each loads when it is loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::native::Natives;
use super::resolve::{Asked, LoadedModule, Resolver};
use super::source::{
    MAX_SOURCE, ReferenceTarget, STACK, SourceDialect, SourceText, Unread, read_source,
};
use crate::analyze::{Files, ReadError};
use crate::evidence::View;
use crate::rootfs::{ImagePath, NodeId};

/// Files that are parsed at most; an application with all its packages has up to 50,000.
const MAX_FILES: usize = 100_000;
/// Each thread has a parser's memory of some ten times the file's size.
const MAX_THREADS: usize = 8;

/// What is known of the files of an image.
#[derive(Default)]
pub(crate) struct Modules {
    pub(crate) resolver: Resolver,
    pub(crate) natives: Natives,
    sources: BTreeMap<ImagePath, Result<Rc<SourceText>, Unread>>,
    /// What a file loads when it is loaded.
    loads: BTreeMap<ImagePath, Rc<Vec<LoadedModule>>>,
}

impl Modules {
    /// Parses files that were not parsed yet, on several threads.
    pub(crate) fn read(
        &mut self,
        view: &View<'_>,
        files: impl IntoIterator<Item = (ImagePath, NodeId)>,
    ) -> Result<(), ReadError> {
        let fresh: BTreeMap<ImagePath, (NodeId, SourceDialect)> = files
            .into_iter()
            .filter(|(path, _)| !self.sources.contains_key(path))
            .filter_map(|(path, node)| {
                let dialect = dialect(&path)?;
                Some((path, (node, dialect)))
            })
            .take(MAX_FILES.saturating_sub(self.sources.len()))
            .collect();
        let fresh: Vec<Job> = fresh
            .into_iter()
            .map(|(path, (node, dialect))| Job {
                path,
                node,
                dialect,
            })
            .collect();
        for (index, source) in parse(view.files, &fresh)? {
            let path = fresh[index].path.clone();
            self.sources.insert(path, source.map(Rc::new));
        }
        Ok(())
    }

    /// What a file refers to; `None` if it was not read.
    pub(crate) fn source(&self, path: &ImagePath) -> Option<&Result<Rc<SourceText>, Unread>> {
        self.sources.get(path)
    }

    /// The modules that a reference leads to.
    pub(crate) fn targets(
        &mut self,
        view: &View<'_>,
        from: &ImagePath,
        target: &ReferenceTarget,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        match target {
            ReferenceTarget::Module(form, name) => {
                let form = *form;
                self.resolver.resolve(view, from, Asked { form, name })
            }
            ReferenceTarget::Native => self.natives.of(view, &mut self.resolver, from),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads everything that modules load, and what that loads in turn. Files that stay are left out: they are read
    /// for themselves.
    pub(crate) fn follow(
        &mut self,
        view: &View<'_>,
        modules: impl IntoIterator<Item = (ImagePath, NodeId)>,
    ) -> Result<(), ReadError> {
        let mut wave: BTreeMap<ImagePath, NodeId> = modules.into_iter().collect();
        while !wave.is_empty() {
            self.read(view, wave.clone())?;
            let mut next = BTreeMap::new();
            for path in wave.into_keys() {
                if self.loads.contains_key(&path) {
                    continue;
                }
                let loads = self.loaded_by(view, &path)?;
                for module in &loads {
                    if !(view.kept)(&module.path) && !self.loads.contains_key(&module.path) {
                        next.insert(module.path.clone(), module.node);
                    }
                }
                self.loads.insert(path, Rc::new(loads));
            }
            wave = next;
        }
        Ok(())
    }

    fn loaded_by(
        &mut self,
        view: &View<'_>,
        path: &ImagePath,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let Some(Ok(source)) = self.sources.get(path) else {
            return Ok(Vec::new());
        };
        let source = Rc::clone(source);
        let mut loads = Vec::new();
        for reference in source
            .references
            .iter()
            .filter(|reference| reference.at_load)
        {
            loads.extend(self.targets(view, path, &reference.target)?);
        }
        Ok(loads)
    }

    /// A module's files, with those of everything that it loads and that does not stay. `budget` goes down by the
    /// modules that were visited; `None` when it is used up.
    pub(crate) fn closure(
        &self,
        view: &View<'_>,
        module: &LoadedModule,
        budget: &mut usize,
    ) -> Option<BTreeSet<ImagePath>> {
        let mut paths = BTreeSet::new();
        let mut seen = BTreeSet::from([&module.path]);
        let mut stack = vec![module];
        while let Some(module) = stack.pop() {
            *budget = budget.checked_sub(1)?;
            paths.extend(module.paths.iter().cloned());
            for load in self
                .loads
                .get(&module.path)
                .into_iter()
                .flat_map(|loads| loads.iter())
            {
                if !(view.kept)(&load.path) && seen.insert(&load.path) {
                    stack.push(load);
                }
            }
        }
        Some(paths)
    }
}

/// How a file is parsed, by its name; `None` if it is no source of JavaScript. Programs have no ending.
pub(crate) fn dialect(path: &ImagePath) -> Option<SourceDialect> {
    let name = path.file_name();
    let ending = match name.iter().rposition(|&byte| byte == b'.') {
        Some(at) if at > 0 => &name[at..],
        _ => return Some(SourceDialect::JavaScript),
    };
    match ending {
        b".js" | b".mjs" | b".cjs" => Some(SourceDialect::JavaScript),
        b".ts" | b".mts" | b".cts" if !name.windows(3).any(|part| part == b".d.") => {
            Some(SourceDialect::TypeScript)
        }
        _ => None,
    }
}

struct Job {
    path: ImagePath,
    node: NodeId,
    dialect: SourceDialect,
}

type Parsed = Vec<(usize, Result<SourceText, Unread>)>;

fn parse(files: Files<'_>, jobs: &[Job]) -> Result<Parsed, ReadError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(MAX_THREADS).min(jobs.len());
    let next = AtomicUsize::new(0);
    let work = || -> Result<Parsed, ReadError> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else {
                return Ok(done);
            };
            done.push((index, parse_one(files, job)?));
        }
    };
    thread::scope(|scope| {
        let mut running = Vec::new();
        for job in &jobs[..threads] {
            // The parser descends: the stack of a usual thread is too short for what is allowed.
            let thread = thread::Builder::new().stack_size(STACK);
            let thread = thread.spawn_scoped(scope, work);
            running.push(thread.map_err(|source| ReadError {
                path: job.path.clone(),
                source,
            })?);
        }
        let mut all = Vec::new();
        for thread in running {
            match thread.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

fn parse_one(files: Files<'_>, job: &Job) -> Result<Result<SourceText, Unread>, ReadError> {
    if files.rootfs.node(job.node).size() > MAX_SOURCE {
        return Ok(Err(Unread::Long));
    }
    let bytes = files.read_node(&job.path, job.node, MAX_SOURCE)?;
    Ok(read_source(&bytes.unwrap_or_default(), job.dialect))
}
