//! Files that should not ship, by kind. Each file counts for one kind; hidden and duplicate files count again as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::caches::cache_of;
use super::caches_known::KnownCache;
use super::contents::Copies;
use super::merged::{Merged, VisibleFile};
use super::model::{
    Binaries, Contents, Efficiency, FileKind, PackageKind, Saving, Waste, WasteKind,
};
use super::packages::ReadPackages;
use super::scan::Scan;
use crate::analyze::holds_tests_alone;
use crate::rootfs::{ContentRef, ImagePath, NodeId};

/// Places that are listed for each kind.
const MAX_PLACES: usize = 30;
/// A tool for building by its Debian or Alpine package.
const BUILD_PACKAGES: [&str; 32] = [
    "gcc",
    "g++",
    "cpp",
    "make",
    "cmake",
    "ninja-build",
    "binutils",
    "build-essential",
    "dpkg-dev",
    "autoconf",
    "automake",
    "libtool",
    "bison",
    "flex",
    "gdb",
    "clang",
    "llvm",
    "golang",
    "golang-go",
    "rustc",
    "cargo",
    "maven",
    "gradle",
    "ant",
    "musl-dev",
    "build-base",
    "git",
    "mercurial",
    "subversion",
    "patch",
    "m4",
    "pkg-config",
];
/// The same with a version after the name: `gcc-12`, `llvm-14`, `openjdk-17-jdk-headless`.
const VERSIONED: [&str; 9] = [
    "gcc-",
    "g++-",
    "cpp-",
    "clang-",
    "llvm-",
    "golang-1",
    "libgcc-12-dev",
    "binutils-",
    "cmake-",
];

/// Stages whose results are searched for waste.
pub(crate) struct WasteSources<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) read: &'a ReadPackages,
    pub(crate) binaries: &'a Binaries,
    pub(crate) contents: &'a Contents,
    pub(crate) copies: &'a Copies,
    pub(crate) efficiency: &'a Efficiency,
}

/// A file that should not ship.
#[derive(Debug, Clone)]
pub(crate) struct WasteFile {
    pub(crate) path: ImagePath,
    pub(crate) content: ContentRef,
    /// The directory, package or file that it is counted under.
    pub(crate) place: Arc<str>,
    /// The tool that left it, if it is one of a known cache.
    pub(crate) cache: Option<&'static KnownCache>,
}

/// Files that should not ship: sums for the report, and the files themselves for the advice.
#[derive(Debug, Default)]
pub(crate) struct Wasted {
    pub(crate) waste: Vec<Waste>,
    /// The files of each kind, in the order of their paths, without hidden files, duplicates and files that are waste only
    /// in part.
    pub(crate) files: BTreeMap<WasteKind, Vec<WasteFile>>,
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    files: u64,
    layers: BTreeSet<usize>,
    places: BTreeMap<Arc<str>, u64>,
}

impl Sum {
    /// Gives the place, of which all files that are counted under it hold the same text.
    fn add(&mut self, place: &str, bytes: u64, layer: usize) -> Arc<str> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.files += 1;
        self.layers.insert(layer);
        let known = self.places.get_key_value(place);
        let place = known.map_or_else(|| place.into(), |(place, _)| Arc::clone(place));
        let sum = self.places.entry(Arc::clone(&place)).or_default();
        *sum = sum.saturating_add(bytes);
        place
    }

    fn waste(self, kind: WasteKind) -> Waste {
        let mut paths: Vec<Saving> = self
            .places
            .into_iter()
            .map(|(path, bytes)| Saving {
                path: path.to_string(),
                bytes,
            })
            .collect();
        paths.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        paths.truncate(MAX_PLACES);
        Waste {
            kind,
            bytes: self.bytes,
            files: self.files,
            layers: self.layers.into_iter().collect(),
            paths,
        }
    }
}

/// All kinds of which there are any bytes, largest first.
pub(crate) fn waste(sources: &WasteSources<'_>) -> Wasted {
    let mut files: BTreeMap<WasteKind, Vec<WasteFile>> = BTreeMap::new();
    let mut sums: BTreeMap<WasteKind, Sum> = BTreeMap::new();
    let tools = package_files(sources.read, is_build_tool);
    let development = package_files(sources.read, |info| info.dev);
    for file in sources
        .merged
        .first_files()
        .filter(|file| file.content.size > 0)
    {
        let cache = cache_of(&file.path);
        let found = if let Some(place) = development.get(&file.node) {
            Some((WasteKind::DevDependencies, place.clone()))
        } else if let Some((cache, place)) = &cache {
            Some((cache.kind, place.to_string()))
        } else if let Some((kind, place)) = by_path(sources.scan, file) {
            Some((kind, place))
        } else {
            tools
                .get(&file.node)
                .map(|place| (WasteKind::BuildTools, place.clone()))
        };
        if let Some((kind, place)) = found {
            let layer = file.content.layer as usize;
            let sum = sums.entry(kind).or_default();
            let place = sum.add(&place, file.content.size, layer);
            files.entry(kind).or_default().push(WasteFile {
                path: file.path.clone(),
                content: file.content,
                place,
                cache: cache
                    .map(|(cache, _)| cache)
                    .filter(|cache| cache.kind == kind),
            });
        }
    }
    for binary in sources
        .binaries
        .files
        .iter()
        .filter(|binary| binary.debug_bytes > 0)
    {
        let sum = sums.entry(WasteKind::DebugInformation).or_default();
        sum.add(
            &binary.path,
            binary.debug_bytes.min(binary.size),
            binary.layer,
        );
    }
    for body in sources
        .merged
        .bodies
        .iter()
        .filter(|body| !body.visible && body.content.size > 0)
    {
        let sum = sums.entry(WasteKind::Hidden).or_default();
        sum.bytes = sum.bytes.saturating_add(body.content.size);
        sum.files += 1;
        sum.layers.insert(body.content.layer as usize);
    }
    if let Some(hidden) = sums.get_mut(&WasteKind::Hidden) {
        let paths = sources.efficiency.wasted_paths.iter().take(MAX_PLACES);
        let places = paths.map(|path| (path.path.as_str().into(), path.bytes));
        hidden.places = places.collect();
    }
    let duplicates = &sources.contents.duplicates;
    // Without documentation: licences have to be there, and the rest is waste of its own kind.
    let wasted = sources.contents.wasted_by_duplicates();
    if wasted > 0 {
        let sum = sums.entry(WasteKind::Duplicates).or_default();
        sum.bytes = wasted;
        sum.files = sources.copies.files;
        sum.layers.clone_from(&sources.copies.layers);
        for group in duplicates.iter().take(MAX_PLACES) {
            let place = group
                .paths
                // The first path is the copy that is needed, so the second one stands for the waste.
                .get(1)
                .or(group.paths.first())
                .cloned()
                .unwrap_or_default();
            sum.places.insert(place.into(), group.wasted);
        }
    }
    let mut all: Vec<Waste> = sums
        .into_iter()
        .map(|(kind, sum)| sum.waste(kind))
        .collect();
    all.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.kind.cmp(&b.kind)));
    Wasted { waste: all, files }
}

/// Files of the packages that `wanted` picks, with the name of the package.
fn package_files(
    read: &ReadPackages,
    wanted: impl Fn(&super::model::PackageInfo) -> bool,
) -> BTreeMap<NodeId, String> {
    let packages = read.packages.iter().filter(|package| wanted(&package.info));
    packages
        .flat_map(|package| {
            let place = match package.info.kind {
                PackageKind::Npm => package
                    .info
                    .location
                    .trim_end_matches("/package.json")
                    .to_owned(),
                _ => package.info.name.clone(),
            };
            package.files.iter().map(move |&node| (node, place.clone()))
        })
        .collect()
}

fn is_build_tool(info: &super::model::PackageInfo) -> bool {
    let name = info.name.as_str();
    let jdk = name.starts_with("openjdk-") && name.contains("-jdk");
    // Debian splits compilers into many packages; `gcc-12-base` has only a copyright file, and much depends on it.
    info.kind.is_of_the_system()
        && !name.ends_with("-base")
        && (BUILD_PACKAGES.contains(&name)
            || VERSIONED.iter().any(|start| name.starts_with(start))
            || jdk)
}

/// The kind of waste that a path stands for, and the place that the file is counted under.
fn by_path(scan: &Scan, file: &VisibleFile) -> Option<(WasteKind, String)> {
    use WasteKind::*;
    let bytes = file.path.as_bytes();
    let prefix = |kind, dir: &str| {
        let below = bytes.strip_prefix(dir.as_bytes())?;
        below.starts_with(b"/").then(|| (kind, dir.to_owned()))
    };
    // The part of the path up to and with these components, which stand between slashes.
    let inside = |kind, needle: &str| {
        let at = memchr::memmem::find(bytes, needle.as_bytes())?;
        let place = &bytes[..at + needle.len() - 1];
        Some((kind, crate::rootfs::escape_bytes(place)))
    };
    let name = file.path.file_name();
    let own = |kind| Some((kind, file.path.to_string()));
    let dir = |kind| {
        Some((
            kind,
            file.path
                .parent()
                .map(|dir| dir.to_string())
                .unwrap_or_default(),
        ))
    };
    let is = scan.kind(file.content, || file.path.clone());
    // In this order, each file counts once: a test in a repository is a part of the repository.
    ["/.git/", "/.hg/", "/.svn/"]
        .into_iter()
        .find_map(|needle| inside(VersionControl, needle))
        .or_else(|| (is == FileKind::Object && is_core(name)).then(|| own(CoreDumps))?)
        .or_else(|| prefix(TemporaryFiles, "/tmp"))
        .or_else(|| prefix(TemporaryFiles, "/var/tmp"))
        .or_else(|| prefix(Logs, "/var/log"))
        .or_else(|| documentation(&file.path))
        .or_else(|| prefix(Locales, "/usr/share/locale"))
        .or_else(|| prefix(Locales, "/usr/share/i18n"))
        .or_else(|| {
            (inside(PythonBytecode, "/__pycache__/").is_some() || name.ends_with(b".pyc"))
                .then(|| dir(PythonBytecode))?
        })
        .or_else(|| tests(&file.path))
        .or_else(|| prefix(Headers, "/usr/include"))
        .or_else(|| prefix(Headers, "/usr/local/include"))
        .or_else(|| {
            (is == FileKind::Object && name.ends_with(b".a")).then(|| own(StaticLibraries))?
        })
}

/// `core`, `core.1234`
fn is_core(name: &[u8]) -> bool {
    name == b"core"
        || name
            .strip_prefix(b"core.")
            .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
}

/// Copyright files stay: licences ask for them.
fn documentation(path: &ImagePath) -> Option<(WasteKind, String)> {
    const DIRS: [&str; 8] = [
        "/usr/share/doc",
        "/usr/share/man",
        "/usr/share/info",
        "/usr/share/gtk-doc",
        "/usr/local/share/doc",
        "/usr/local/share/man",
        "/usr/local/man",
        "/usr/share/doc-base",
    ];
    let is_below = |dir: &&&str| {
        let rest = path.as_bytes().strip_prefix(dir.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let dir = DIRS.iter().find(is_below)?;
    (path.file_name() != b"copyright").then(|| (WasteKind::Documentation, (*dir).to_owned()))
}

/// Tests of packages of languages: `…/site-packages/numpy/tests`.
fn tests(path: &ImagePath) -> Option<(WasteKind, String)> {
    const TREES: [&[u8]; 5] = [
        b"site-packages",
        b"dist-packages",
        b"node_modules",
        b"gems",
        b"python3",
    ];
    let parts: Vec<&[u8]> = path.components().collect();
    let tree = parts
        .iter()
        .position(|part| TREES.contains(part) || part.starts_with(b"python3."))?;
    let within = parts[tree + 1..]
        .iter()
        .take(parts.len().saturating_sub(tree + 2));
    let depth = within.clone().position(|part| holds_tests_alone(part))?;
    // `tests` right below the tree could be a package of that name.
    let place: Vec<u8> = parts[..=tree + 1 + depth]
        .iter()
        .flat_map(|part| [b"/", *part].concat())
        .collect();
    // Python's own tests are right below its library.
    let in_package = depth > 0 || parts[tree].starts_with(b"python3.");
    in_package.then(|| (WasteKind::Tests, crate::rootfs::escape_bytes(&place)))
}
