//! npm packages: `node_modules/NAME/package.json`, zips of Yarn's Plug'n'Play, the application itself, and npm's own
//! record of which packages are for development only.
//!
//! Source: npm's documentation, `package.json` and `package-lock.json` (hidden lock files); Node.js, "Loading from
//! node_modules folders"; Yarn, "Plug'n'Play".

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use super::relations::Relations;
use super::urls::{integrity, public};
use crate::analyze::{Metadata, is_in_tests, is_npm_project, without_bom};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::merged::VisibleFile;
use crate::xray::model::{PackageInfo, PackageKind};
use crate::xray::roots::Roots;

/// Files beside the `package.json` of an application that was installed.
const INSTALLED: [&str; 7] = [
    "node_modules",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    PNP[0],
    PNP[1],
];
/// What Plug'n'Play loads packages by.
const PNP: [&str; 2] = [".pnp.cjs", ".pnp.js"];
/// Directories that are walked through to find which packages others load.
const MAX_STEPS: u64 = 50_000_000;

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    resolved: Option<String>,
    #[serde(default)]
    integrity: Option<String>,
}

/// A package that was found.
struct Installed<'a> {
    file: &'a VisibleFile,
    metadata: &'a Metadata,
    /// The directory that it is in.
    dir: ImagePath,
    id: String,
    application: bool,
}

pub(super) fn read(reader: &mut Reader<'_>) {
    let locked = locked(reader);
    let installed = installed(reader);
    let ids: BTreeMap<&ImagePath, &str> = installed
        .iter()
        .filter(|package| !package.application)
        .map(|package| (&package.dir, package.id.as_str()))
        .collect();
    let plugged = pnp_folders(reader);
    let by_name = Roots::new(plugged.iter().cloned());
    let mut steps = MAX_STEPS;
    for package in &installed {
        let (dir, metadata) = (&package.dir, package.metadata);
        let known = locked.get(dir);
        let mut relations = match by_name.cover(dir) {
            true => Relations::needing(metadata.requires.iter().cloned()),
            false => Relations::default(),
        };
        relations.ids = loaded(reader, dir, &metadata.requires, &ids, &mut steps);
        let found = PackageInfo {
            dev: known.is_some_and(|locked| locked.dev),
            download: known.and_then(|locked| public(locked.resolved.as_deref()?)),
            checksums: known
                .and_then(|locked| integrity(locked.integrity.as_deref()?))
                .into_iter()
                .collect(),
            application: package.application,
            ..info(reader, package.file, metadata, &package.id)
        };
        let files: BTreeSet<NodeId> = match (package.application, package.file.path.parent()) {
            (false, Some(dir)) => reader
                .merged
                .rootfs
                .lookup(&dir)
                .map(|node| reader.files_below(node, Some(b"node_modules")))
                .unwrap_or_default(),
            _ => [package.file.node].into(),
        };
        reader.found.add(found, files, relations);
    }
    if steps == 0 {
        reader
            .problems
            .push("read the dependencies of npm packages: there are more than are looked at");
    }
    read_zips(reader, &plugged);
}

fn info(reader: &Reader<'_>, file: &VisibleFile, metadata: &Metadata, id: &str) -> PackageInfo {
    PackageInfo {
        licence: metadata.licence.clone(),
        supplier: metadata.supplier.clone(),
        layer: reader.first_layer(file),
        location: file.path.to_string(),
        ..package(
            PackageKind::Npm,
            id.to_owned(),
            &metadata.name,
            &metadata.version,
        )
    }
}

fn id(metadata: &Metadata) -> String {
    let (scope, name) = match metadata.name.split_once('/') {
        Some((scope, name)) => (scope, name),
        None => ("", metadata.name.as_str()),
    };
    purl("npm", scope, name, &metadata.version, &[])
}

/// Packages in `node_modules`, and applications.
fn installed<'a>(reader: &Reader<'a>) -> Vec<Installed<'a>> {
    let rootfs = &reader.merged.rootfs;
    let mut found = Vec::new();
    for file in reader.files() {
        if file.path.file_name() != b"package.json" || !file.first {
            continue;
        }
        let (Some(metadata), Some(dir)) = (reader.metadata(file.node), file.path.parent()) else {
            continue;
        };
        let in_modules = dir.components().any(|name| name == b"node_modules");
        let application = !in_modules
            && INSTALLED
                .iter()
                .any(|name| rootfs.lookup(&dir.join(name)).is_some());
        if (application || is_package_directory(&dir))
            && !is_in_tests(rootfs, &file.path, is_npm_project)
        {
            found.push(Installed {
                id: id(metadata),
                file,
                metadata,
                dir,
                application,
            });
        }
    }
    found
}

/// `…/node_modules/NAME` or `…/node_modules/@SCOPE/NAME`
fn is_package_directory(dir: &ImagePath) -> bool {
    let Some(parent) = dir.parent() else {
        return false;
    };
    let scoped = parent.file_name().starts_with(b"@");
    let modules = if scoped {
        parent.parent()
    } else {
        Some(parent)
    };
    modules.is_some_and(|modules| modules.file_name() == b"node_modules")
}

/// The packages that Node.js loads from `dir` by these names: of the nearest `node_modules` up the tree, through links
/// as pnpm makes them. `steps` become 0 where there are more than are looked at.
fn loaded(
    reader: &Reader<'_>,
    dir: &ImagePath,
    names: &[String],
    ids: &BTreeMap<&ImagePath, &str>,
    steps: &mut u64,
) -> Vec<String> {
    let rootfs = &reader.merged.rootfs;
    // The folders on the way, with their depths: one walk from the root.
    let mut folders = Vec::new();
    let (mut at, mut length, mut depth) = (rootfs.root(), 0, 1);
    let mut names_on_the_way = dir.components();
    loop {
        if rootfs.children(at).contains_key(&b"node_modules"[..]) {
            let above = ImagePath::new(&dir.as_bytes()[..length]);
            folders.push((above.join("node_modules"), depth));
        }
        let next = names_on_the_way.next();
        let Some((name, &node)) =
            next.and_then(|name| Some((name, rootfs.children(at).get(name)?)))
        else {
            break;
        };
        (at, length, depth) = (node, length + 1 + name.len(), depth + 1);
    }
    let mut loaded = Vec::new();
    for name in names {
        for (modules, depth) in folders.iter().rev() {
            *steps = steps.saturating_sub(*depth);
            if *steps == 0 {
                return loaded;
            }
            let path = modules.join(name);
            let found = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            let id = found.found().and_then(|(path, _)| ids.get(path));
            if let Some(id) = id {
                loaded.push((*id).to_owned());
                break;
            }
        }
    }
    loaded
}

/// What npm recorded of packages, by their directories.
fn locked(reader: &mut Reader<'_>) -> BTreeMap<ImagePath, Locked> {
    let mut directories = BTreeMap::new();
    for file in reader.files() {
        if file.path.file_name() != b".package-lock.json" {
            continue;
        }
        let Some(text) = reader
            .extra(file.node)
            .and_then(|extra| extra.document.as_deref())
        else {
            continue;
        };
        let lock: LockFile = match serde_json::from_slice(without_bom(text)) {
            Ok(lock) => lock,
            Err(e) => {
                reader.problems.push(format!("read {}: {e}", file.path));
                continue;
            }
        };
        // Its keys start at the directory that holds node_modules.
        let base = file.path.parent().and_then(|modules| modules.parent());
        let base = base.unwrap_or_else(ImagePath::root);
        let packages = lock.packages.into_iter();
        directories.extend(packages.map(|(key, locked)| (base.join(key), locked)));
    }
    directories
}

/// Directories of applications that load their packages from zips.
fn pnp_folders(reader: &Reader<'_>) -> BTreeSet<ImagePath> {
    let files = reader.files().iter();
    files
        .filter(|file| {
            PNP.iter()
                .any(|name| name.as_bytes() == file.path.file_name())
        })
        .filter_map(|file| file.path.parent())
        .collect()
}

/// Packages in zips of Yarn's cache. Without Plug'n'Play these are a cache of what is installed elsewhere.
fn read_zips(reader: &mut Reader<'_>, plugged: &BTreeSet<ImagePath>) {
    for file in reader.files() {
        if !file.path.file_name().ends_with(b".zip") || !file.first {
            continue;
        }
        // A cache in the project's `.yarn`, or the user's that all projects share.
        let cache = file.path.parent();
        let own = cache.as_ref().and_then(|cache| cache.parent()?.parent());
        let shared = memchr::memmem::find(file.path.as_bytes(), b"/berry/cache/").is_some();
        let used =
            own.is_some_and(|project| plugged.contains(&project)) || shared && !plugged.is_empty();
        if !used {
            continue;
        }
        let Some(metadata) = reader.metadata(file.node) else {
            continue;
        };
        let found = PackageInfo {
            checksums: reader.checksum(file).into_iter().collect(),
            ..info(reader, file, metadata, &id(metadata))
        };
        let relations = Relations::needing(metadata.requires.iter().cloned());
        reader.found.add(found, [file.node].into(), relations);
    }
}
