//! Needs of programs and libraries: those that nothing provides, and libraries that nothing needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::{Abi, ElfFile, ElfKind};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::detect::Protection;
use crate::xray::merged::{Merged, VisibleFile};
use crate::xray::model::{Binaries, Binary, BrokenNeed, Linkage, UnusedLibrary};
use crate::xray::packages::Owners;
use crate::xray::problems::Problems;
use crate::xray::scan::Scan;

/// Libraries that the C library opens by itself, by the start of their names.
const OPENED_BY_LIBC: [&[u8]; 5] = [
    b"libnss_",
    b"libgcc_s.so",
    b"ld-linux",
    b"ld-musl",
    b"libmemusage",
];
const MAX_LISTED: usize = 500;

/// A program or library that could be read.
struct Object<'a> {
    file: &'a VisibleFile,
    elf: &'a ElfFile,
    protection: &'a Protection,
}

/// The programs and libraries of the merged tree; the sentences name those that cannot be read.
pub(crate) fn binaries(scan: &Scan, merged: &Merged, owners: &Owners) -> (Binaries, Vec<String>) {
    let mut problems = Problems::default();
    let mut objects = Vec::new();
    for file in merged.first_files() {
        let extra = scan.extra(file.content);
        match extra.and_then(|extra| extra.elf.as_ref()) {
            Some(Ok(facts)) if facts.elf.kind == ElfKind::Loadable => objects.push(Object {
                file,
                elf: &facts.elf,
                protection: &facts.protection,
            }),
            Some(Err(how)) => problems.push(format!("read the ELF file {}: {how}", file.path)),
            _ => {}
        }
    }
    let debug_bytes = objects.iter().fold(0, |sum: u64, o| {
        sum.saturating_add(o.protection.debug_bytes)
    });
    let names = LibraryNames::new(merged, &objects);
    let binaries = Binaries {
        broken: broken(merged, &objects, &names),
        unused: unused(&objects, &names, owners),
        debug_bytes,
        files: objects.iter().map(binary).collect(),
    };
    (binaries, problems.into_sentences("programs and libraries"))
}

fn binary(object: &Object<'_>) -> Binary {
    let text = |bytes: &Vec<u8>| crate::rootfs::escape_bytes(bytes);
    let (elf, protection) = (object.elf, object.protection);
    let linkage = match protection.linkage {
        // What needs nothing is as good as static, but a library is one by its name.
        Linkage::Dynamic if elf.interpreter.is_none() => Linkage::Library,
        linkage => linkage,
    };
    Binary {
        path: object.file.path.to_string(),
        size: object.file.content.size,
        layer: object.file.content.layer as usize,
        machine: protection.machine.clone(),
        linkage,
        interpreter: elf.interpreter.as_ref().map(text),
        needed: elf.needed.iter().map(text).collect(),
        soname: elf.soname.as_ref().map(text),
        debug_bytes: protection.debug_bytes,
        strip_bytes: protection.strip_bytes,
        symbols: protection.symbols,
        hardening: protection.hardening.clone(),
    }
}

/// Names under which libraries are provided, and names that are needed.
struct LibraryNames<'a> {
    /// File names, names of links and sonames, by what they run on.
    provided: BTreeSet<(Abi, &'a [u8])>,
    /// Names of links to each library.
    links: BTreeMap<NodeId, BTreeSet<Vec<u8>>>,
    needed: BTreeSet<&'a [u8]>,
}

impl<'a> LibraryNames<'a> {
    fn new(merged: &'a Merged, objects: &[Object<'a>]) -> Self {
        let mut provided = BTreeSet::new();
        let mut needed: BTreeSet<&[u8]> = BTreeSet::new();
        let mut by_node = BTreeMap::new();
        for object in objects {
            by_node.insert(object.file.node, object.elf.abi);
            provided.extend(
                object
                    .elf
                    .soname
                    .as_deref()
                    .map(|name| (object.elf.abi, name)),
            );
            needed.extend(object.elf.needed.iter().map(Vec::as_slice));
            needed.extend(
                object
                    .elf
                    .dlopen
                    .iter()
                    .flat_map(|d| &d.soname)
                    .map(String::as_bytes),
            );
        }
        for file in &merged.files {
            if let Some(&abi) = by_node.get(&file.node) {
                provided.insert((abi, file.path.file_name()));
            }
        }
        let mut links: BTreeMap<NodeId, BTreeSet<Vec<u8>>> = BTreeMap::new();
        let rootfs = &merged.rootfs;
        for (path, node) in rootfs.walk() {
            let is_library = memchr::memmem::find(path.file_name(), b".so").is_some();
            if !is_library || rootfs.node(node).link_target().is_none() {
                continue;
            }
            let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            if let Some((_, end)) = resolution
                .found()
                .filter(|(_, end)| by_node.contains_key(end))
            {
                links
                    .entry(end)
                    .or_default()
                    .insert(path.file_name().to_vec());
            }
        }
        Self {
            provided,
            links,
            needed,
        }
    }

    fn provides(&self, abi: Abi, name: &[u8]) -> bool {
        // A name with a slash is a path; what stands there decides, and it may be made at run time.
        let name = name.rsplit(|&b| b == b'/').next().unwrap_or(name);
        self.provided.contains(&(abi, name))
            || self.links.values().any(|links| links.contains(name))
    }
}

/// Needs that no file of the image can meet. A name that stands anywhere in the image counts as provided, since programs
/// start others with `LD_LIBRARY_PATH` set.
fn broken(merged: &Merged, objects: &[Object<'_>], names: &LibraryNames<'_>) -> Vec<BrokenNeed> {
    let mut broken = Vec::new();
    let main = main_machine(objects);
    for object in objects
        .iter()
        .filter(|object| Some(object.elf.abi.machine) == main)
    {
        let path = || object.file.path.to_string();
        if let Some(interpreter) = &object.elf.interpreter {
            let resolution = merged.rootfs.resolve(&ImagePath::root(), interpreter, true);
            // Some libraries name one too (`libc.so.6` prints its version); they are loaded without it.
            if resolution.found().is_none() && object.protection.linkage == Linkage::Dynamic {
                let needs = crate::rootfs::escape_bytes(interpreter);
                broken.push(BrokenNeed {
                    path: path(),
                    needs,
                });
            }
        }
        for name in &object.elf.needed {
            if !names.provides(object.elf.abi, name) {
                let needs = crate::rootfs::escape_bytes(name);
                broken.push(BrokenNeed {
                    path: path(),
                    needs,
                });
            }
        }
    }
    broken.truncate(MAX_LISTED);
    broken
}

/// The machine of most programs. Prebuilt files for other machines (npm packages have them) are data.
fn main_machine(objects: &[Object<'_>]) -> Option<u16> {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    objects
        .iter()
        .for_each(|o| *counts.entry(o.elf.abi.machine).or_default() += 1);
    counts
        .into_iter()
        .max_by_key(|&(_, count)| count)
        .map(|(machine, _)| machine)
}

/// Libraries in a directory that the dynamic linker searches, which nothing needs by any of their names.
fn unused(objects: &[Object<'_>], names: &LibraryNames<'_>, owners: &Owners) -> Vec<UnusedLibrary> {
    let mut unused = Vec::new();
    for object in objects {
        let path = &object.file.path;
        let Some(soname) = object
            .elf
            .soname
            .as_deref()
            .filter(|name| name.starts_with(b"lib"))
        else {
            continue;
        };
        // glibc opens name services and `libgcc_s` by name at run time, which no header shows.
        let libc = OPENED_BY_LIBC.iter().any(|start| soname.starts_with(start));
        // Plug-ins in directories of their own are opened by path, so no header names them either.
        if object.elf.interpreter.is_some() || libc || !in_library_directory(path) {
            continue;
        }
        let links = names.links.get(&object.file.node).into_iter().flatten();
        let mut all = links.map(Vec::as_slice).chain([soname, path.file_name()]);
        if !all.any(|name| names.needed.contains(name)) {
            unused.push(UnusedLibrary {
                path: path.to_string(),
                size: object.file.content.size,
                package: owners.id(object.file.node),
            });
        }
    }
    unused.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
    unused.truncate(MAX_LISTED);
    unused
}

/// `/lib`, `/usr/lib64`, `/usr/local/lib`, `/usr/lib/x86_64-linux-gnu`
fn in_library_directory(path: &ImagePath) -> bool {
    let parts: Vec<&[u8]> = path.components().collect();
    let dirs = &parts[..parts.len().saturating_sub(1)];
    let dirs = dirs.strip_prefix(&[b"usr".as_slice()]).unwrap_or(dirs);
    let dirs = dirs.strip_prefix(&[b"local".as_slice()]).unwrap_or(dirs);
    match dirs {
        [lib] => matches!(*lib, b"lib" | b"lib64" | b"lib32"),
        [lib, triple] => *lib == b"lib" && memchr::memmem::find(triple, b"-linux-").is_some(),
        _ => false,
    }
}
