//! npm packages: what each of them loads, and npm's own record of which are for development only.
//!
//! Source: npm's documentation, `package-lock.json` (hidden lock files); Node.js, "Loading from node_modules folders".

use std::collections::BTreeMap;

use serde::Deserialize;

use super::purl::purl;
use super::reader::PackageReader;
use super::relations::Relations;
use super::urls::{integrity, public};
use crate::analyze::{NpmPackage, NpmPlace, PackageMetadata, npm_packages, without_bom};
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind};
use crate::xray::roots::Roots;

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

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    let locked = locked(reader);
    let documents = reader.documents();
    let (rootfs, places) = (&reader.merged.rootfs, reader.places());
    let mut identified: Vec<(String, NpmPackage<'_>)> = Vec::new();
    let Ok(plugged) = npm_packages(rootfs, &documents, places, |package| {
        identified.push((id(&package.metadata), package));
        Ok(())
    });
    let ids: BTreeMap<&ImagePath, &str> = identified
        .iter()
        .filter(|(_, package)| package.place == NpmPlace::Modules)
        .map(|(id, package)| (&package.dir, id.as_str()))
        .collect();
    let plugged = Roots::new(plugged);
    let mut steps = MAX_STEPS;
    for (id, package) in &identified {
        let (dir, metadata) = (&package.dir, &*package.metadata);
        let zip = package.place == NpmPlace::Zip;
        // npm's record is about `node_modules`; Yarn's cache is not in it.
        let known = locked.get(dir).filter(|_| !zip);
        let mut relations = if zip || plugged.cover(dir) {
            Relations::needing(metadata.requires.iter().cloned())
        } else {
            Relations::default()
        };
        if !zip {
            relations.ids = loaded(reader, dir, &metadata.requires, &ids, &mut steps);
        }
        let found = PackageInfo {
            dev: known.is_some_and(|locked| locked.dev),
            download: known.and_then(|locked| public(locked.resolved.as_deref()?)),
            checksums: if zip {
                reader.checksum(package.node)
            } else {
                known.and_then(|locked| integrity(locked.integrity.as_deref()?))
            }
            .into_iter()
            .collect(),
            application: package.place == NpmPlace::Application,
            licence: metadata.licence.clone(),
            supplier: metadata.supplier.clone(),
            layer: reader.first_layer(&package.path, package.node),
            location: package.path.to_string(),
            ..super::package::package(
                PackageKind::Npm,
                id.clone(),
                &metadata.name,
                &metadata.version,
            )
        };
        let files = package.files(&mut reader.finder);
        reader.found.add(found, files, relations);
    }
    if steps == 0 {
        reader
            .problems
            .push("read the dependencies of npm packages: there are more than the limit");
    }
}

fn id(metadata: &PackageMetadata) -> String {
    let (scope, name) = match metadata.name.split_once('/') {
        Some((scope, name)) => (scope, name),
        None => ("", metadata.name.as_str()),
    };
    purl("npm", scope, name, &metadata.version, &[])
}

/// The packages that Node.js loads from `dir` by these names: of the nearest `node_modules` up the tree, through links
/// as pnpm makes them. `steps` become 0 if there are more than are looked at.
fn loaded(
    reader: &PackageReader<'_>,
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
            // A tree of a thousand levels with a thousand names in each would be resolved for hours.
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

/// Records of npm about packages, by their directories.
fn locked(reader: &mut PackageReader<'_>) -> BTreeMap<ImagePath, Locked> {
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
