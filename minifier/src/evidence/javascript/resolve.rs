//! [`Resolver`]: the files that a name in `require` or `import` leads to, as Node finds them in the merged tree.
//!
//! Source: Node.js, "Modules: CommonJS modules" (all together) and "Modules: ECMAScript modules" (resolution
//! algorithm). A module's own path is free of links, as Node has it without `--preserve-symlinks`, so the packages of
//! pnpm and of workspaces find their own dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::package::{MAX_MANIFEST, ModuleForm, PackageManifest, split_name};
use crate::analyze::ReadError;
use crate::evidence::View;
use crate::rootfs::{ImagePath, NodeId};

/// Names that are Node's own, whatever a package is called. Those with the prefix `node:` are not listed.
const BUILTIN: [&str; 39] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
];
/// Builtin, and nothing below them is.
const BUILTIN_WITHOUT_PARTS: [&str; 3] = ["wasi", "worker_threads", "zlib"];
/// Where Debian's Node looks for packages, beside `NODE_PATH`.
const GLOBAL: [&str; 4] = [
    "/usr/local/lib/node_modules",
    "/usr/lib/node_modules",
    "/usr/share/nodejs",
    "/usr/lib/nodejs",
];
const EXTENSIONS: [&str; 4] = ["", ".js", ".json", ".node"];
/// `imports` may lead to a package whose name begins with `#` in turn.
const MAX_STEPS: usize = 4;

/// A file that a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadedModule {
    /// Free of links.
    pub(crate) path: ImagePath,
    pub(crate) node: NodeId,
    /// The file and what is read to find it: its path as it was asked for, the manifests.
    pub(crate) paths: BTreeSet<ImagePath>,
}

/// A name, and how it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) form: ModuleForm,
    pub(crate) name: &'a str,
}

/// Finds modules, and remembers manifests.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    manifests: BTreeMap<ImagePath, Option<Rc<PackageManifest>>>,
    global: Option<Vec<ImagePath>>,
}

impl Resolver {
    /// The files that a name leads to from a file; none if it is Node's own or not in the image.
    pub(crate) fn resolve(
        &mut self,
        view: &View<'_>,
        from: &ImagePath,
        asked: Asked<'_>,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        self.step(view, from, asked, MAX_STEPS)
    }

    fn step(
        &mut self,
        view: &View<'_>,
        from: &ImagePath,
        asked: Asked<'_>,
        steps: usize,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let Asked { form, name } = asked;
        let Some(steps) = steps.checked_sub(1) else {
            return Ok(Vec::new());
        };
        if is_builtin(name) {
            return Ok(Vec::new());
        }
        // Queries make another instance of the same file.
        let name = match form {
            ModuleForm::Import => name.split('?').next().unwrap_or_default(),
            ModuleForm::Require => name,
        };
        let path = name.strip_prefix("file://").unwrap_or(name);
        let Some(directory) = from.parent() else {
            return Ok(Vec::new());
        };
        if path.starts_with('/') || is_relative(path) {
            let found = self.file_or_directory(view, &directory.join(path))?;
            return Ok(found.into_iter().collect());
        }
        if name.starts_with('#') {
            let Some((scope, manifest)) = self.scope(view, from)? else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            for target in manifest.imported(name, form) {
                if target.starts_with("./") {
                    found.extend(self.file(view, &scope.join(&target))?);
                } else {
                    found.extend(self.step(
                        view,
                        from,
                        Asked {
                            form,
                            name: &target,
                        },
                        steps,
                    )?);
                }
            }
            return Ok(found);
        }
        self.package(view, from, Asked { form, name })
    }

    /// The nearest directory above with a manifest, up to the one that packages are in.
    pub(crate) fn scope(
        &mut self,
        view: &View<'_>,
        file: &ImagePath,
    ) -> Result<Option<(ImagePath, Rc<PackageManifest>)>, ReadError> {
        let mut directory = file.parent();
        while let Some(at) = directory {
            if at.file_name() == b"node_modules" {
                return Ok(None);
            }
            if let Some(manifest) = self.manifest(view, &at)? {
                return Ok(Some((at, manifest)));
            }
            directory = at.parent();
        }
        Ok(None)
    }

    /// The manifest in a directory, which links may lead to; `None` if there is none that can be read.
    pub(crate) fn manifest(
        &mut self,
        view: &View<'_>,
        directory: &ImagePath,
    ) -> Result<Option<Rc<PackageManifest>>, ReadError> {
        if let Some(known) = self.manifests.get(directory) {
            return Ok(known.clone());
        }
        let path = directory.join("package.json");
        let manifest = match view.existing(path.as_bytes()) {
            Some((path, node)) if view.files.rootfs.node(node).size() <= MAX_MANIFEST => {
                let bytes = view.files.read_node(&path, node, MAX_MANIFEST)?;
                bytes
                    .and_then(|bytes| PackageManifest::parse(&bytes))
                    .map(Rc::new)
            }
            _ => None,
        };
        self.manifests.insert(directory.clone(), manifest.clone());
        Ok(manifest)
    }

    /// The directories in which a package of that name may be, nearest first, that exist.
    pub(crate) fn places(
        &mut self,
        view: &View<'_>,
        from: &ImagePath,
        name: &str,
    ) -> Vec<ImagePath> {
        let mut above: Vec<ImagePath> = from.ancestors().collect();
        above.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        let above = above
            .iter()
            .filter(|path| path.file_name() != b"node_modules");
        let local = above.map(|path| path.join("node_modules"));
        let global = self.global.get_or_insert_with(|| global(view)).iter();
        let all = local.chain(global.cloned()).map(|place| place.join(name));
        all.filter(|place| {
            view.existing(place.as_bytes())
                .is_some_and(|(_, node)| view.files.rootfs.node(node).is_dir())
        })
        .collect()
    }

    fn package(
        &mut self,
        view: &View<'_>,
        from: &ImagePath,
        asked: Asked<'_>,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let Some((name, subpath)) = split_name(asked.name) else {
            return Ok(Vec::new());
        };
        // A package may name itself.
        if let Some((scope, manifest)) = self.scope(view, from)?
            && manifest.name.as_deref() == Some(name)
            && manifest.has_exports()
        {
            return self.exported(view, &scope, manifest.exported(&subpath, asked.form));
        }
        for place in self.places(view, from, name) {
            let found = match self.manifest(view, &place)? {
                Some(manifest) if manifest.has_exports() => {
                    return self.exported(view, &place, manifest.exported(&subpath, asked.form));
                }
                _ => self.file_or_directory(view, &place.join(&subpath))?,
            };
            if let Some(found) = found {
                return Ok(vec![found]);
            }
        }
        // Debian has single files there.
        let global = self.global.get_or_insert_with(|| global(view)).clone();
        for place in global {
            if let Some(found) = self.file_or_directory(view, &place.join(asked.name))? {
                return Ok(vec![found]);
            }
        }
        Ok(Vec::new())
    }

    fn exported(
        &mut self,
        view: &View<'_>,
        package: &ImagePath,
        targets: BTreeSet<String>,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let mut found = Vec::new();
        for target in targets {
            found.extend(self.file(view, &package.join(&target))?);
        }
        Ok(found)
    }

    /// A path as `require` takes it: with endings, and what a directory stands for. `import` takes whole paths only;
    /// that loaders and bundlers are more generous is allowed for.
    fn file_or_directory(
        &mut self,
        view: &View<'_>,
        path: &ImagePath,
    ) -> Result<Option<LoadedModule>, ReadError> {
        if let Some(found) = self.with_ending(view, path)? {
            return Ok(Some(found));
        }
        let is_directory = view
            .existing(path.as_bytes())
            .is_some_and(|(_, node)| view.files.rootfs.node(node).is_dir());
        if !is_directory {
            return Ok(None);
        }
        let main = self
            .manifest(view, path)?
            .and_then(|manifest| manifest.main.clone());
        if let Some(main) = main {
            // An absolute one is relative to the package too.
            let main = path.join(main.trim_start_matches('/'));
            let found = match self.with_ending(view, &main)? {
                Some(found) => Some(found),
                None => self.with_ending(view, &main.join("index"))?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        self.with_ending(view, &path.join("index"))
    }

    fn with_ending(
        &mut self,
        view: &View<'_>,
        path: &ImagePath,
    ) -> Result<Option<LoadedModule>, ReadError> {
        for extension in EXTENSIONS {
            let path = ImagePath::new([path.as_bytes(), extension.as_bytes()].concat());
            let found = self.file(view, &path)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A regular file at exactly this path, links followed.
    pub(crate) fn file(
        &mut self,
        view: &View<'_>,
        path: &ImagePath,
    ) -> Result<Option<LoadedModule>, ReadError> {
        let Some((real, node)) = view.existing(path.as_bytes()) else {
            return Ok(None);
        };
        if view.files.rootfs.node(node).content().is_none() {
            return Ok(None);
        }
        // Node reads the manifest nearest to the path that was asked for, to know the way, and nearest to the file, to
        // know whether it is a module or a script.
        let mut paths = BTreeSet::from([path.clone()]);
        for of in [path, &real] {
            if let Some((scope, _)) = self.scope(view, of)? {
                paths.insert(scope.join("package.json"));
            }
        }
        Ok(Some(LoadedModule {
            path: real,
            node,
            paths,
        }))
    }
}

fn is_relative(path: &str) -> bool {
    path.starts_with("./") || path.starts_with("../") || path == "." || path == ".."
}

fn is_builtin(specifier: &str) -> bool {
    if specifier.starts_with("node:") {
        return true;
    }
    // `fs/promises`; `buffer/` is the package.
    let first = specifier.split_once('/');
    match first {
        Some((_, "")) => false,
        Some((first, _)) => BUILTIN.contains(&first) && first != "punycode" && first != "constants",
        None => BUILTIN.contains(&specifier) || BUILTIN_WITHOUT_PARTS.contains(&specifier),
    }
}

fn global(view: &View<'_>) -> Vec<ImagePath> {
    let env = view.surroundings.env.iter();
    let node_path = env
        .filter_map(|entry| entry.strip_prefix("NODE_PATH="))
        .next();
    let set = node_path.unwrap_or_default().split(':');
    set.filter(|path| path.starts_with('/'))
        .chain(GLOBAL)
        .map(ImagePath::new)
        .collect()
}
