//! [`Search`]: where modules are looked for, and the files that stand for a name.
//!
//! Source: Python's language reference, "The import system"; `site`, `sysconfig` and PEP 405 for the directories.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use crate::evidence::View;
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Longer names are not looked for: a component is the name of a file, and few packages are deeper than ten.
const LONGEST: usize = 400;
/// Bytes of a `.pth` file or a `pyvenv.cfg` that are looked at.
const MAX_SMALL: u64 = 64 << 10;
/// Directories that are searched; `.pth` files can name any number.
const MAX_ROOTS: usize = 500;

/// Where a directory stands among those that are searched: lower ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The working directory, and `PYTHONPATH`.
    Main,
    /// The standard library.
    Standard,
    /// Its modules in native code.
    Native,
    /// Installed packages: `site-packages`, `dist-packages`.
    Site,
    /// What a `.pth` file names.
    Linked,
    /// The directory above the packages that a file lies in, if nothing else explains it.
    Other,
}

/// A module or package.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its full name.
    pub(crate) name: String,
    /// Files that are loaded, in this order: those of the packages above, and its own. A package without
    /// `__init__` has none.
    pub(crate) files: Vec<(ImagePath, NodeId)>,
    /// Directories with its submodules; none if it is no package.
    pub(crate) dirs: Vec<(ImagePath, NodeId)>,
    /// Where it was found.
    pub(crate) rank: Rank,
}

/// The directories that are searched.
#[derive(Debug, Default)]
pub(crate) struct Search {
    roots: BTreeMap<(Rank, ImagePath), NodeId>,
    found: BTreeMap<String, Option<Rc<Found>>>,
    prefixes: BTreeSet<(ImagePath, Vec<u8>)>,
    /// How often the directories changed.
    pub(crate) changes: u32,
}

impl Search {
    /// Adds what the config says: the working directory and `PYTHONPATH`.
    pub(crate) fn add_surroundings(&mut self, view: &View<'_>) {
        let cwd = view.surroundings.search.cwd().clone();
        self.add(Rank::Main, &cwd, view);
        let path = view.surroundings.env.iter();
        let path = path.filter_map(|entry| entry.strip_prefix("PYTHONPATH="));
        for dir in path.flat_map(|value| value.split(':')) {
            self.add(Rank::Main, &cwd.join(dir), view);
        }
    }

    /// Adds the directories that belong with a file that stays: a module, or an interpreter.
    pub(crate) fn add_file(&mut self, path: &ImagePath, view: &View<'_>) {
        let name = path.file_name();
        let parts: Vec<&[u8]> = path.components().collect();
        let joined = |count: usize| ImagePath::new(parts[..count].join(&b'/'));
        if is_interpreter(name) && parts.iter().rev().nth(1) == Some(&&b"bin"[..]) {
            let version = if name.contains(&b'.') { name } else { b"" };
            self.add_prefix(&joined(parts.len() - 2), version, view);
            return;
        }
        if !is_module(name) {
            return;
        }
        // `PREFIX/lib/python3.11/…`
        let library = parts.windows(2).rposition(|pair| {
            matches!(pair[0], b"lib" | b"lib64") && pair[1].starts_with(b"python")
        });
        if let Some(at) = library {
            let version = parts[at + 1];
            let version = if version.contains(&b'.') {
                version
            } else {
                b""
            };
            self.add_prefix(&joined(at), version, view);
        }
        let site = parts
            .iter()
            .rposition(|part| matches!(*part, b"site-packages" | b"dist-packages"));
        if let Some(at) = site {
            self.add_site(&joined(at + 1), view);
            return;
        }
        if library.is_some() || self.root_of(path).is_some() {
            return;
        }
        let mut dir = path.parent().unwrap_or_else(ImagePath::root);
        if dir.file_name() == b"__pycache__" {
            dir = dir.parent().unwrap_or_else(ImagePath::root);
        }
        while let Some(parent) = dir.parent()
            && is_package(view.files.rootfs, &dir)
        {
            dir = parent;
        }
        self.add(Rank::Other, &dir, view);
    }

    /// The libraries of an interpreter that was installed with this prefix. `version` is `python3.11`, or empty.
    fn add_prefix(&mut self, prefix: &ImagePath, version: &[u8], view: &View<'_>) {
        if !self.prefixes.insert((prefix.clone(), version.to_vec())) {
            return;
        }
        for lib in ["lib", "lib64"] {
            let Some((lib, node)) = view.existing(prefix.join(lib).as_bytes()) else {
                continue;
            };
            let names = view.files.rootfs.children(node).keys();
            let names: Vec<_> = names
                .filter(|name| name.starts_with(b"python") || name.starts_with(b"pypy"))
                .cloned()
                .collect();
            for name in names {
                // `python3` is Debian's, for all versions.
                if !version.is_empty() && &*name != version && name.contains(&b'.') {
                    continue;
                }
                let dir = lib.join(&name);
                if is_standard(view.files.rootfs, &dir) {
                    self.add(Rank::Standard, &dir, view);
                    self.add(Rank::Native, &dir.join("lib-dynload"), view);
                }
                for site in ["site-packages", "dist-packages"] {
                    self.add_site(&dir.join(site), view);
                    // Debian's own directory for what its user installs.
                    let local = ImagePath::new("/usr/local/lib").join(&name);
                    self.add_site(&local.join(site), view);
                }
            }
        }
        // A virtual environment names the directory of the interpreter that it was made with.
        let config = prefix.join("pyvenv.cfg");
        if let Ok(Some(config)) = view.files.read(&config, MAX_SMALL) {
            let config = String::from_utf8_lossy(&config).into_owned();
            let home = config.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == "home").then(|| value.trim())
            });
            if let Some(home) = home
                && let Some(prefix) = ImagePath::new(home).parent()
            {
                self.add_prefix(&prefix, version, view);
            }
        }
    }

    /// A directory of installed packages, with those that `.pth` files in it name.
    fn add_site(&mut self, dir: &ImagePath, view: &View<'_>) {
        let Some(node) = self.add(Rank::Site, dir, view) else {
            return;
        };
        let rootfs = view.files.rootfs;
        let names = rootfs.children(node).keys();
        let names: Vec<_> = names.filter(|name| name.ends_with(b".pth")).collect();
        for name in names {
            let Ok(Some(text)) = view.files.read(&dir.join(name), MAX_SMALL) else {
                continue;
            };
            for line in String::from_utf8_lossy(&text).lines() {
                let line = line.trim();
                let runs = line.starts_with("import ") || line.starts_with("import\t");
                if !line.is_empty() && !line.starts_with('#') && !runs {
                    self.add(Rank::Linked, &dir.join(line), view);
                }
            }
        }
    }

    /// The node of a directory that was not among those searched yet.
    fn add(&mut self, rank: Rank, dir: &ImagePath, view: &View<'_>) -> Option<NodeId> {
        let (dir, node) = view.existing(dir.as_bytes())?;
        // The root holds everything, and nothing would be a package of its own.
        let is_new = !self.roots.keys().any(|(_, known)| *known == dir);
        let is_dir = view.files.rootfs.node(node).is_dir();
        if dir.is_root() || !is_dir || !is_new || self.roots.len() >= MAX_ROOTS {
            return None;
        }
        self.roots.insert((rank, dir), node);
        self.found.clear();
        self.changes += 1;
        Some(node)
    }

    /// Whether anything of Python is known.
    pub(crate) fn has_library(&self) -> bool {
        let is_library = |rank: &Rank| !matches!(rank, Rank::Main | Rank::Other);
        self.roots.keys().any(|(rank, _)| is_library(rank))
    }

    /// Directories of a rank.
    pub(crate) fn of_rank(&self, wanted: Rank) -> impl Iterator<Item = (&ImagePath, NodeId)> {
        let all = self.roots.iter();
        all.filter(move |((rank, _), _)| *rank == wanted)
            .map(|((_, dir), node)| (dir, *node))
    }

    /// The innermost directory that is searched and that a path lies in.
    pub(crate) fn root_of(&self, path: &ImagePath) -> Option<&ImagePath> {
        let above = self.roots.keys().map(|(_, dir)| dir);
        above
            .filter(|dir| path.starts_with(dir) && *dir != path)
            .max_by_key(|dir| dir.as_bytes().len())
    }

    /// The name of the package that a directory is; empty for one that is searched, or that no such one holds.
    pub(crate) fn name_of(&self, dir: &ImagePath) -> String {
        if self.roots.keys().any(|(_, known)| known == dir) {
            return String::new();
        }
        let Some(root) = self.root_of(dir) else {
            return String::new();
        };
        let rest = &dir.as_bytes()[root.as_bytes().len() + 1..];
        String::from_utf8_lossy(rest).replace('/', ".")
    }

    /// A module by its full name.
    pub(crate) fn find(&mut self, rootfs: &RootFs, name: &str) -> Option<Rc<Found>> {
        if name.len() > LONGEST || name.is_empty() {
            return None;
        }
        if let Some(known) = self.found.get(name) {
            return known.clone();
        }
        let found = match name.rsplit_once('.') {
            Some((package, part)) => self.find(rootfs, package).and_then(|package| {
                let (file, dirs) = step(rootfs, package.dirs.iter().cloned(), part)?;
                let files = package.files.iter().cloned().chain(file);
                Some(Found {
                    name: name.to_owned(),
                    files: files.collect(),
                    dirs,
                    rank: package.rank,
                })
            }),
            None => self.find_top(rootfs, name),
        };
        let found = found.map(Rc::new);
        self.found.insert(name.to_owned(), found.clone());
        found
    }

    fn find_top(&self, rootfs: &RootFs, name: &str) -> Option<Found> {
        let roots = self.roots.iter();
        let mut spread: Option<Found> = None;
        for ((rank, dir), node) in roots {
            match step(rootfs, std::iter::once((dir.clone(), *node)), name) {
                Some((Some(file), dirs)) => {
                    return Some(Found {
                        name: name.to_owned(),
                        files: vec![file],
                        dirs,
                        rank: *rank,
                    });
                }
                // A package without `__init__` is one only if nothing else has the name, and spread over all
                // directories that have it.
                Some((None, dirs)) => match &mut spread {
                    Some(spread) => spread.dirs.extend(dirs),
                    None => {
                        spread = Some(Found {
                            name: name.to_owned(),
                            files: Vec::new(),
                            dirs,
                            rank: *rank,
                        });
                    }
                },
                None => {}
            }
        }
        spread
    }

    /// Names of the modules and packages right in a package.
    pub(crate) fn submodules(rootfs: &RootFs, found: &Found) -> Vec<String> {
        let mut names = BTreeSet::new();
        for (_, dir) in &found.dirs {
            for (name, &node) in rootfs.children(*dir) {
                let stem = if rootfs.node(node).is_dir() {
                    rootfs
                        .children(node)
                        .contains_key(&b"__init__.py"[..])
                        .then_some(&**name)
                } else {
                    stem(name)
                };
                let stem = stem.and_then(|stem| std::str::from_utf8(stem).ok());
                // A number at the start, as in migrations, is no name for `import`, and one for `import_module`.
                let can_be_imported = |stem: &&str| {
                    stem.chars()
                        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
                        && !stem.starts_with("__")
                };
                if let Some(stem) = stem.filter(can_be_imported) {
                    names.insert(stem.to_owned());
                }
            }
        }
        names.into_iter().collect()
    }
}

type SearchStep = (Option<(ImagePath, NodeId)>, Vec<(ImagePath, NodeId)>);

/// A component of a name in the directories of a package: the file that is loaded and the directories of what is below.
fn step(
    rootfs: &RootFs,
    dirs: impl Iterator<Item = (ImagePath, NodeId)>,
    part: &str,
) -> Option<SearchStep> {
    let mut spread = Vec::new();
    for (dir, node) in dirs {
        let child = child(rootfs, &dir, node, part.as_bytes());
        if let Some((path, node)) = &child
            && rootfs.node(*node).is_dir()
        {
            for init in [&b"__init__.py"[..], b"__init__.pyc"] {
                if let Some((file, init)) = self::child(rootfs, path, *node, init) {
                    return Some((Some((file, init)), vec![(path.clone(), *node)]));
                }
            }
            spread.push((path.clone(), *node));
        }
        if let Some(file) = module_file(rootfs, &dir, node, part) {
            return Some((Some(file), Vec::new()));
        }
    }
    (!spread.is_empty()).then_some((None, spread))
}

/// In the order in which Python looks: native code, source, compiled without source.
fn module_file(
    rootfs: &RootFs,
    dir: &ImagePath,
    node: NodeId,
    part: &str,
) -> Option<(ImagePath, NodeId)> {
    let dotted = format!("{part}.").into_bytes();
    let from = (Bound::Included(&dotted[..]), Bound::Unbounded);
    let names = rootfs.children(node).range::<[u8], _>(from);
    let names = names
        .map(|(name, _)| &**name)
        .take_while(|name| name.starts_with(&dotted));
    let mut native = None;
    let mut source = None;
    for name in names {
        let rest = &name[dotted.len()..];
        if is_native_ending(rest) {
            native = native.or(Some(name));
        } else if rest == b"py" || rest == b"pyc" {
            source = source.or(Some(name));
        }
    }
    child(rootfs, dir, node, native.or(source)?)
}

/// An entry with what it leads to; its path is as it stands.
fn child(
    rootfs: &RootFs,
    dir: &ImagePath,
    node: NodeId,
    name: &[u8],
) -> Option<(ImagePath, NodeId)> {
    let id = *rootfs.children(node).get(name)?;
    let path = dir.join(name);
    if rootfs.node(id).link_target().is_none() {
        return Some((path, id));
    }
    let end = rootfs.resolve(dir, name, true);
    let (_, node) = end.found()?;
    Some((path, node))
}

/// `so`, `abi3.so`, `cpython-311-x86_64-linux-gnu.so`.
fn is_native_ending(ending: &[u8]) -> bool {
    ending == b"so"
        || ending == b"abi3.so"
        || ending.ends_with(b".so")
            && (ending.starts_with(b"cpython-") || ending.starts_with(b"pypy"))
}

/// The name of the module that a file name stands for.
pub(crate) fn stem(name: &[u8]) -> Option<&[u8]> {
    let at = name.iter().position(|&b| b == b'.')?;
    let (stem, ending) = (&name[..at], &name[at + 1..]);
    let is_one = ending == b"py" || ending == b"pyc" || is_native_ending(ending);
    (is_one && !stem.is_empty()).then_some(stem)
}

/// Whether a file of that name is a module in native code.
pub(crate) fn is_native(name: &[u8]) -> bool {
    let at = name.iter().position(|&b| b == b'.');
    at.is_some_and(|at| is_native_ending(&name[at + 1..]))
}

/// Whether a file of that name can be one of Python's own; libraries called `libx.so` are not.
fn is_module(name: &[u8]) -> bool {
    name.ends_with(b".py")
        || name.ends_with(b".pyc")
        || is_native(name) && !name.starts_with(b"lib")
}

/// `python`, `python3`, `python3.11`, `pypy3`.
fn is_interpreter(name: &[u8]) -> bool {
    let rest = name
        .strip_prefix(b"python")
        .or_else(|| name.strip_prefix(b"pypy"));
    rest.is_some_and(|rest| rest.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

fn is_standard(rootfs: &RootFs, dir: &ImagePath) -> bool {
    let has = |name: &str| rootfs.lookup(&dir.join(name)).is_some();
    has("encodings") && (has("os.py") || has("os.pyc"))
}

/// Whether a directory is a package with `__init__`.
pub(crate) fn is_package(rootfs: &RootFs, dir: &ImagePath) -> bool {
    let has = |name: &str| rootfs.lookup(&dir.join(name)).is_some();
    has("__init__.py") || has("__init__.pyc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stand_for_modules() {
        for (name, expected) in [
            ("a.py", Some("a")),
            ("a.cpython-311-x86_64-linux-gnu.so", Some("a")),
            ("a.abi3.so", Some("a")),
            ("a.so.1", None),
            ("a.txt", None),
            ("a.b.py", None),
            (".py", None),
        ] {
            let found = stem(name.as_bytes()).map(|s| std::str::from_utf8(s).unwrap());
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn interpreters_are_known_by_their_names() {
        for (name, expected) in [
            ("python", true),
            ("python3.11", true),
            ("pypy3", true),
            ("python3-config", false),
            ("pythonw", false),
        ] {
            assert_eq!(is_interpreter(name.as_bytes()), expected, "{name}");
        }
    }
}
