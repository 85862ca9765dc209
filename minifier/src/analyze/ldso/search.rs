//! [`Linker`]: finds the file that a needed name stands for, as the dynamic linker of the image's libc would.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::cache::{LdCache, parse_cache};
use super::conf::{conf_dirs, musl_dirs};
use super::machine::{LEGACY_HWCAPS, machine};
use crate::analyze::elf::{Abi, ElfFile};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId, Resolution};

const MAX_CACHE: u64 = 64 << 20;
/// Inherited directories of one object; real programs have a handful.
const MAX_INHERITED: usize = 64;
/// Names that musl's libc answers for itself.
const MUSL_OWN: [&str; 7] = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];

/// The two families of dynamic linkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libc {
    /// The GNU C library.
    Glibc,
    /// musl, as in Alpine.
    Musl,
}

/// Under which circumstances an object is loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Context {
    /// The C library whose rules of searching hold.
    pub libc: Libc,
    /// The directory that `$ORIGIN` stands for.
    pub origin: ImagePath,
    /// Directories that the objects which led to this one add to its search, nearest first; expanded.
    pub inherited: Vec<Vec<u8>>,
}

/// A file that a name can stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryHit {
    /// How the path that the linker opens resolves; it ends at a regular file.
    pub resolution: Resolution,
    /// The directory that it was found in, free of links: `$ORIGIN` of the library.
    pub directory: ImagePath,
}

/// Finds libraries in an image.
pub struct Linker<'a> {
    files: Files<'a>,
    env_dirs: Vec<Vec<u8>>,
    cwd: ImagePath,
    cache: LdCache,
    conf_dirs: Vec<Vec<u8>>,
    default_libc: Libc,
    /// musl's directories by architecture name.
    musl_dirs: BTreeMap<String, Vec<Vec<u8>>>,
    abis: RefCell<BTreeMap<NodeId, Option<Abi>>>,
}

impl<'a> Linker<'a> {
    /// Reads what the image says about its libraries. `library_path` are values of `LD_LIBRARY_PATH`; `cwd` is what
    /// empty and relative directories start from.
    pub fn new(files: Files<'a>, library_path: &[&str], cwd: ImagePath) -> Result<Self, ReadError> {
        let env_dirs = library_path
            .iter()
            // An empty `LD_LIBRARY_PATH` counts as none; an empty entry in it is the working directory (ld.so(8)).
            .filter(|value| !value.is_empty())
            .flat_map(|value| value.split([':', ';']))
            .map(|dir| dir.as_bytes().to_vec())
            .collect();
        let cache = files.read(&"/etc/ld.so.cache".into(), MAX_CACHE)?;
        let mut dirs_by_arch = BTreeMap::new();
        for arch in musl_archs(&files) {
            let dirs = musl_dirs(&files, &arch)?.unwrap_or_else(|| {
                ["/lib", "/usr/local/lib", "/usr/lib"]
                    .map(|dir| dir.as_bytes().to_vec())
                    .into()
            });
            dirs_by_arch.insert(arch, dirs);
        }
        // Images can have both (Alpine with gcompat): then a library that names neither is taken for glibc's.
        let has_glibc = ["/lib64", "/lib"].iter().any(|dir| {
            let found = files
                .rootfs
                .resolve(&ImagePath::root(), dir.as_bytes(), true);
            found.found().is_some_and(|(_, node)| {
                let names = files.rootfs.children(node).keys();
                names.into_iter().any(|name| name.starts_with(b"ld-linux"))
            })
        });
        Ok(Self {
            files,
            env_dirs,
            cwd,
            cache: parse_cache(&cache.unwrap_or_default()),
            conf_dirs: conf_dirs(&files)?,
            default_libc: if has_glibc || dirs_by_arch.is_empty() {
                Libc::Glibc
            } else {
                Libc::Musl
            },
            musl_dirs: dirs_by_arch,
            abis: RefCell::default(),
        })
    }

    /// The circumstances of an object that nothing is known to have loaded: a program, or a library that was opened.
    pub fn context_of(&self, path: &ImagePath, elf: &ElfFile) -> Context {
        let interpreter = elf.interpreter.as_deref().unwrap_or_default();
        let needs = |prefix: &[u8]| elf.needed.iter().any(|name| name.starts_with(prefix));
        let libc = if contains(interpreter, b"ld-musl") || needs(b"libc.musl") {
            Libc::Musl
        } else if contains(interpreter, b"ld-linux") || needs(b"libc.so.6") {
            Libc::Glibc
        } else {
            self.default_libc
        };
        Context {
            libc,
            origin: path.parent().unwrap_or_else(ImagePath::root),
            inherited: Vec::new(),
        }
    }

    /// The circumstances of a library that `elf` needs and that was found in `directory`.
    pub fn context_of_needed(
        &self,
        elf: &ElfFile,
        context: &Context,
        directory: ImagePath,
    ) -> Context {
        // glibc passes only DT_RPATH on to what a library needs; musl passes on DT_RUNPATH too (its `load_library` looks
        // through all ancestors).
        let own: &[Vec<u8>] = match (&elf.runpath, context.libc) {
            (Some(runpath), Libc::Musl) => runpath,
            (Some(_), Libc::Glibc) => &[],
            (None, _) => &elf.rpath,
        };
        let mut inherited = self.expand_all(own, elf.abi, &context.origin);
        inherited.extend(context.inherited.iter().cloned());
        let mut seen = std::collections::BTreeSet::new();
        inherited.retain(|dir| seen.insert(dir.clone()));
        // Every distinct context is linked anew: without bounds, a made-up chain of libraries would grow with its
        // square.
        inherited.truncate(MAX_INHERITED);
        Context {
            libc: context.libc,
            origin: directory,
            inherited,
        }
    }

    /// Whether the libc itself answers for a name, so that no file is needed.
    pub fn is_builtin(&self, name: &[u8], libc: Libc) -> bool {
        libc == Libc::Musl
            && name.strip_prefix(b"lib").is_some_and(|rest| {
                MUSL_OWN.iter().any(|own| {
                    rest.strip_prefix(own.as_bytes())
                        .is_some_and(|rest| rest.starts_with(b".so"))
                })
            })
    }

    /// The files that `name`, needed by `elf`, can stand for: variants for some CPUs first, then the one for every
    /// CPU. Empty if there is none.
    pub fn find(
        &self,
        name: &[u8],
        elf: &ElfFile,
        context: &Context,
    ) -> Result<Vec<LibraryHit>, ReadError> {
        let mut hits = Vec::new();
        if name.is_empty() {
            return Ok(hits);
        }
        // A name with a slash is a path and is not searched for (ld.so(8)).
        if name.contains(&b'/') {
            for path in self.expand(name, elf.abi, &context.origin) {
                if self.try_file(&path, elf.abi, &mut hits)? {
                    break;
                }
            }
            return Ok(hits);
        }
        let before = self.dirs_before_cache(elf, context);
        if self.try_dirs(&before, name, elf.abi, &mut hits)? {
            return Ok(hits);
        }
        let use_defaults = !elf.no_default_dirs || context.libc == Libc::Musl;
        if use_defaults {
            if context.libc == Libc::Glibc && self.try_cache(name, elf.abi, &mut hits)? {
                return Ok(hits);
            }
            let after = self.default_dirs(elf.abi, context.libc);
            self.try_dirs(&after, name, elf.abi, &mut hits)?;
        }
        Ok(hits)
    }

    fn dirs_before_cache(&self, elf: &ElfFile, context: &Context) -> Vec<Vec<u8>> {
        let expanded = |dirs| self.expand_all(dirs, elf.abi, &context.origin);
        let env = self.env_dirs.iter().cloned();
        match (&elf.runpath, context.libc) {
            // The order of ld.so(8): DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH; DT_RPATH counts only if there is no
            // DT_RUNPATH.
            (None, Libc::Glibc) => {
                let own = expanded(&elf.rpath).into_iter();
                own.chain(context.inherited.iter().cloned())
                    .chain(env)
                    .collect()
            }
            (Some(runpath), Libc::Glibc) => env.chain(expanded(runpath)).collect(),
            // musl takes both for the same thing, after LD_LIBRARY_PATH.
            (runpath, Libc::Musl) => {
                let own = expanded(runpath.as_ref().unwrap_or(&elf.rpath));
                env.chain(own)
                    .chain(context.inherited.iter().cloned())
                    .collect()
            }
        }
    }

    fn default_dirs(&self, abi: Abi, libc: Libc) -> Vec<Vec<u8>> {
        match libc {
            // The directories of ld.so.conf come last: the linker reads the cache instead, but an entrypoint may
            // run ldconfig.
            Libc::Glibc => {
                let mut dirs = machine(abi).default_dirs();
                dirs.extend(self.conf_dirs.iter().cloned());
                dirs
            }
            Libc::Musl => self.musl_dirs.values().flatten().cloned().collect(),
        }
    }

    fn try_cache(
        &self,
        name: &[u8],
        abi: Abi,
        hits: &mut Vec<LibraryHit>,
    ) -> Result<bool, ReadError> {
        for entry in self.cache.get(name).into_iter().flatten() {
            // A variant is for some CPUs only. The image may run on others, so that the plain file is needed too.
            if self.try_file(&entry.path, abi, hits)? && !entry.variant {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks into each directory and its variants. Returns whether one for every CPU was found.
    fn try_dirs(
        &self,
        dirs: &[Vec<u8>],
        name: &[u8],
        abi: Abi,
        hits: &mut Vec<LibraryHit>,
    ) -> Result<bool, ReadError> {
        for dir in dirs {
            let resolution = self.files.rootfs.resolve(&self.cwd, dir, true);
            let Some((dir_path, node)) = resolution.found() else {
                continue;
            };
            for variant in self.variants(dir_path, node) {
                self.try_file(variant.join(name).as_bytes(), abi, hits)?;
            }
            // An empty directory is the working directory, not the root.
            let mut path = dir.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(name);
            if self.try_file(&path, abi, hits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Directories below a library directory that hold variants for some CPUs.
    fn variants(&self, dir: &ImagePath, node: NodeId) -> Vec<ImagePath> {
        let rootfs = self.files.rootfs;
        let children = rootfs.children(node);
        let mut found = Vec::new();
        if let Some(&hwcaps) = children.get(&b"glibc-hwcaps"[..]) {
            let base = dir.join("glibc-hwcaps");
            found.extend(rootfs.children(hwcaps).keys().map(|name| base.join(name)));
        }
        // glibc before 2.37 searched these and their combinations; images with such a glibc still have them.
        for outer in LEGACY_HWCAPS {
            if let Some(&id) = children.get(outer.as_bytes())
                && rootfs.node(id).is_dir()
            {
                let outer = dir.join(outer);
                let inner = LEGACY_HWCAPS
                    .iter()
                    .filter(|inner| rootfs.children(id).contains_key(inner.as_bytes()))
                    .map(|inner| outer.join(inner));
                found.extend(inner);
                found.push(outer);
            }
        }
        found
    }

    /// Takes the file at `path` if there is one of the right kind. Returns whether there is.
    fn try_file(
        &self,
        path: &[u8],
        abi: Abi,
        hits: &mut Vec<LibraryHit>,
    ) -> Result<bool, ReadError> {
        let rootfs = self.files.rootfs;
        let resolution = rootfs.resolve(&self.cwd, path, true);
        let Some((found, node)) = resolution.found() else {
            return Ok(false);
        };
        // The linker passes over a library of another class or machine and goes on searching, as multiarch images
        // rely on.
        if self.abi(found, node)? != Some(abi) {
            return Ok(false);
        }
        let at = path.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
        let directory = rootfs.resolve(&self.cwd, &path[..at], true);
        let directory = match directory.found() {
            Some((directory, _)) => directory.clone(),
            None => ImagePath::root(),
        };
        hits.push(LibraryHit {
            resolution,
            directory,
        });
        Ok(true)
    }

    fn abi(&self, path: &ImagePath, node: NodeId) -> Result<Option<Abi>, ReadError> {
        if let Some(&known) = self.abis.borrow().get(&node) {
            return Ok(known);
        }
        let head = self.files.read_node(path, node, 64)?;
        let abi = head.and_then(|head| ElfFile::abi_of(&head));
        self.abis.borrow_mut().insert(node, abi);
        Ok(abi)
    }

    fn expand_all(&self, dirs: &[Vec<u8>], abi: Abi, origin: &ImagePath) -> Vec<Vec<u8>> {
        dirs.iter()
            .flat_map(|dir| self.expand(dir, abi, origin))
            .collect()
    }

    /// Replaces `$ORIGIN`, `$LIB` and `$PLATFORM`; the latter two have a value per distribution and CPU, so that
    /// there can be several answers.
    fn expand(&self, path: &[u8], abi: Abi, origin: &ImagePath) -> Vec<Vec<u8>> {
        if path.len() > MAX_PATH {
            return Vec::new();
        }
        let machine = machine(abi);
        let platforms = machine.platforms.iter().map(|p| p.as_bytes().to_vec());
        let tokens: [(&str, Vec<Vec<u8>>); 3] = [
            ("ORIGIN", vec![origin.as_bytes().to_vec()]),
            ("LIB", machine.lib_tokens()),
            ("PLATFORM", platforms.collect()),
        ];
        let mut expanded = vec![path.to_vec()];
        for (name, values) in tokens {
            for token in [format!("${{{name}}}"), format!("${name}")] {
                if contains(path, token.as_bytes()) {
                    expanded = expanded
                        .iter()
                        .flat_map(|path| values.iter().map(|v| replace(path, token.as_bytes(), v)))
                        .collect();
                }
            }
        }
        expanded.retain(|path| path.len() <= MAX_PATH);
        expanded
    }
}

/// `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;

/// Architecture names of the musl linkers in `/lib`.
fn musl_archs(files: &Files<'_>) -> Vec<String> {
    let lib = files.rootfs.resolve(&ImagePath::root(), b"/lib", true);
    let Some((_, node)) = lib.found() else {
        return Vec::new();
    };
    let names = files.rootfs.children(node).keys();
    names
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter_map(|name| name.strip_prefix("ld-musl-")?.strip_suffix(".so.1"))
        .map(str::to_owned)
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

fn replace(text: &[u8], token: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&text[at..], token) {
        out.extend(&text[at..at + found]);
        out.extend(value);
        at += found + token.len();
    }
    out.extend(&text[at..]);
    out
}
