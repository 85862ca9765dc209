//! [`JavaScript`]: turns what files refer to into groups.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::graph::{Modules, dialect};
use super::native::AddonPlatform;
use super::resolve::LoadedModule;
use super::source::{Reference, ReferenceTarget, Unread};
use crate::analyze::{ReadError, parse_shebang};
use crate::evidence::named::{DirectoryReach, Given, Namer};
use crate::evidence::reader::{Gathered, Reader};
use crate::evidence::{EvidenceSource, Group, KeptFile, Note, Origin, Rule, View};
use crate::rootfs::ImagePath;

/// Programs that run JavaScript from files.
const RUNTIMES: [&[u8]; 6] = [b"node", b"nodejs", b"bun", b"deno", b"electron", b"tsx"];
/// Notes of an image; a file with more computed names than that is a bundle.
const MAX_NOTES: usize = 100;
/// Modules that are visited for all groups together: what a group of a thousand modules costs, for ten thousand groups.
const MAX_VISITS: usize = 10_000_000;
/// What frameworks build, and the directories in it that they read by computed names.
const BUILT: [(&str, &[&str]); 2] = [
    // Next.js
    (".next", &["server", "static", "../public"]),
    // Nuxt and Nitro
    (".output", &["server", "public"]),
];

/// Reads JavaScript and TypeScript.
pub(crate) struct JavaScript {
    given: Given,
    modules: Modules,
    /// A program that runs JavaScript stays.
    runtime: bool,
    /// Files that wait for one.
    waiting: Vec<KeptFile>,
    /// Packages whose optional dependencies were looked at.
    packages: BTreeSet<ImagePath>,
    visits: usize,
    notes: usize,
}

impl Default for JavaScript {
    fn default() -> Self {
        Self {
            given: Given::default(),
            modules: Modules::default(),
            runtime: false,
            waiting: Vec::new(),
            packages: BTreeSet::new(),
            visits: MAX_VISITS,
            notes: MAX_NOTES,
        }
    }
}

/// A module that does not stay, and the place that refers to it.
struct Wanted {
    module: LoadedModule,
    source: EvidenceSource,
    origin: Origin,
}

impl Reader for JavaScript {
    fn rule(&self) -> Rule {
        Rule::JavaScript
    }

    fn read(
        &mut self,
        kept: &[KeptFile],
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        for file in kept {
            self.runtime |= RUNTIMES.contains(&file.path.file_name());
            let platform = &mut self.modules.natives.platform;
            *platform = platform.or_else(|| AddonPlatform::of_linker(&file.path));
            if is_source(file, view)? {
                self.waiting.push(file.clone());
            }
        }
        // Without a program that runs them they are for browsers, or for nobody.
        if !self.runtime {
            return Ok(());
        }
        let files = std::mem::take(&mut self.waiting);
        let named = files.iter().map(|file| (file.path.clone(), file.node));
        self.modules.read(view, named)?;
        let mut wanted = Vec::new();
        for file in &files {
            self.file(file, view, &mut wanted, out)?;
        }
        let named = wanted
            .iter()
            .map(|want| (want.module.path.clone(), want.module.node));
        self.modules.follow(view, named)?;
        for want in wanted {
            let Some(paths) = self.modules.closure(view, &want.module, &mut self.visits) else {
                self.note(want.source, "more modules than are read", out);
                break;
            };
            let group = Group {
                rule: Rule::JavaScript,
                name: want.module.path.to_string(),
                source: want.source,
                origin: want.origin,
                paths,
            };
            self.given.add(group, view, out);
        }
        Ok(())
    }
}

impl JavaScript {
    /// What a file that stays refers to.
    fn file(
        &mut self,
        file: &KeptFile,
        view: &View<'_>,
        wanted: &mut Vec<Wanted>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let origin = view.origin(file.node);
        let at = |line, symbol: Option<&str>| EvidenceSource {
            file: file.path.clone(),
            line,
            symbol: symbol.map(str::to_owned),
        };
        let source = match self.modules.source(&file.path) {
            Some(Ok(source)) => Rc::clone(source),
            // Files without an ending that are other text are many, and no fault.
            Some(Err(Unread::Syntax | Unread::Encoding))
                if !file.path.file_name().contains(&b'.') =>
            {
                return Ok(());
            }
            Some(Err(why)) => {
                let why = why.to_string();
                self.note(at(None, None), &why, out);
                return Ok(());
            }
            None => return Ok(()),
        };
        self.packages_of(file, origin, view, out)?;
        self.built(file, view, out);
        for reference in &source.references {
            let symbol = symbol(&reference.target);
            for module in self.modules_of(file, reference, view, out)? {
                if !(view.kept)(&module.path) {
                    wanted.push(Wanted {
                        module,
                        source: at(Some(reference.line), Some(symbol)),
                        origin,
                    });
                }
            }
        }
        // Packages have thousands; what an application computes, its author can name.
        if origin == Origin::Application {
            for &line in &source.computed {
                self.note(
                    at(Some(line), None),
                    "loads a module by a computed name",
                    out,
                );
            }
        }
        Ok(())
    }

    /// The modules that a reference leads to. Other files, and directories, are given at once.
    fn modules_of(
        &mut self,
        file: &KeptFile,
        reference: &Reference,
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let origin = view.origin(file.node);
        let working = view.surroundings.search.cwd();
        let Some(beside) = file.path.parent() else {
            return Ok(Vec::new());
        };
        let candidates = match &reference.target {
            ReferenceTarget::Module(..) | ReferenceTarget::Native => {
                return self.modules.targets(view, &file.path, &reference.target);
            }
            ReferenceTarget::Beside(path) => vec![beside.join(path)],
            ReferenceTarget::Working(path) => vec![working.join(path)],
            // Of packages they are examples and defaults as often as paths.
            ReferenceTarget::Perhaps(_) | ReferenceTarget::View
                if origin != Origin::Application =>
            {
                return Ok(Vec::new());
            }
            ReferenceTarget::Perhaps(path) => vec![beside.join(path), working.join(path)],
            ReferenceTarget::View => vec![beside.join("views"), working.join("views")],
        };
        let mut modules = Vec::new();
        for path in candidates {
            let Some((real, node)) = view.existing(path.as_bytes()) else {
                continue;
            };
            let is_file = view.files.rootfs.node(node).content().is_some();
            if is_file && has_ending(&real) && dialect(&real).is_some() {
                modules.extend(self.modules.resolver.file(view, &path)?);
            } else if is_file || !is_project(view, &real) {
                let text = path.to_string();
                let mut namer = Namer::of(Rule::JavaScript, file, &mut self.given, view, out);
                namer.path(&text, DirectoryReach::Content, Some(reference.line));
            }
            break;
        }
        Ok(modules)
    }

    /// Native code that a package finds by the name of the platform.
    fn packages_of(
        &mut self,
        file: &KeptFile,
        origin: Origin,
        view: &View<'_>,
        out: &mut Gathered,
    ) -> Result<(), ReadError> {
        let Some((scope, _)) = self.modules.resolver.scope(view, &file.path)? else {
            return Ok(());
        };
        if !self.packages.insert(scope.clone()) {
            return Ok(());
        }
        let Modules {
            resolver, natives, ..
        } = &mut self.modules;
        for (package, paths) in natives.optional(view, resolver, &file.path)? {
            let source = EvidenceSource {
                file: scope.join("package.json"),
                line: None,
                symbol: Some("optionalDependencies".to_owned()),
            };
            let group = Group {
                rule: Rule::JavaScript,
                name: package.to_string(),
                source,
                origin,
                paths,
            };
            self.given.add(group, view, out);
        }
        Ok(())
    }

    /// What a framework built, of which a file stays.
    fn built(&mut self, file: &KeptFile, view: &View<'_>, out: &mut Gathered) {
        for directory in file.path.ancestors() {
            let name = directory.file_name();
            let Some((name, parts)) = BUILT.iter().find(|(built, _)| built.as_bytes() == name)
            else {
                continue;
            };
            if !self.packages.insert(directory.clone()) {
                continue;
            }
            let mut namer = Namer::of(Rule::JavaScript, file, &mut self.given, view, out);
            namer.origin = Origin::Application;
            for part in *parts {
                let path = directory.join(part);
                if view.existing(path.as_bytes()).is_some() {
                    namer.path(&path.to_string(), DirectoryReach::Content, None);
                }
            }
            // Manifests and the build's name lie beside them.
            let files = view
                .files
                .rootfs
                .lookup(&directory)
                .into_iter()
                .flat_map(|node| {
                    let children = view.files.rootfs.children(node).iter();
                    children
                        .filter(|&(_, &child)| view.files.rootfs.node(child).content().is_some())
                });
            let paths: BTreeSet<ImagePath> = files.map(|(name, _)| directory.join(name)).collect();
            namer.group(format!("{directory}/*"), None, name, paths);
        }
    }

    fn note(&mut self, source: EvidenceSource, message: &str, out: &mut Gathered) {
        if let Some(left) = self.notes.checked_sub(1) {
            self.notes = left;
            out.notes.insert(Note {
                rule: Rule::JavaScript,
                source,
                message: message.to_owned(),
            });
        }
    }
}

fn symbol(target: &ReferenceTarget) -> &str {
    match target {
        ReferenceTarget::Module(_, text)
        | ReferenceTarget::Beside(text)
        | ReferenceTarget::Working(text)
        | ReferenceTarget::Perhaps(text) => text,
        ReferenceTarget::View => "render",
        ReferenceTarget::Native => "native code",
    }
}

/// A directory with a manifest is a whole application, of which a path says nothing.
fn is_project(view: &View<'_>, directory: &ImagePath) -> bool {
    let node = view.files.rootfs.lookup(directory);
    let children = node.map(|node| view.files.rootfs.children(node));
    children.is_some_and(|children| {
        children.contains_key(&b"package.json"[..]) || children.contains_key(&b"node_modules"[..])
    })
}

fn has_ending(path: &ImagePath) -> bool {
    path.file_name().contains(&b'.')
}

/// Whether a file is JavaScript: by its ending, or by its first line.
fn is_source(file: &KeptFile, view: &View<'_>) -> Result<bool, ReadError> {
    let node = view.files.rootfs.node(file.node);
    if node.content().is_none() || dialect(&file.path).is_none() {
        return Ok(false);
    }
    if has_ending(&file.path) {
        return Ok(true);
    }
    if node.meta.mode & 0o111 == 0 {
        return Ok(false);
    }
    let line = parse_shebang(&view.files.head(&file.path, file.node)?);
    Ok(line.is_some_and(|line| RUNTIMES.contains(&ImagePath::new(line.program()).file_name())))
}
