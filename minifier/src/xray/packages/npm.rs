//! npm packages: `node_modules/NAME/package.json`, and npm's own record of which are for development only.
//!
//! Source: npm's documentation, `package.json` and `package-lock.json` (hidden lock files).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind};

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(default)]
    dev: bool,
}

pub(super) fn read(reader: &mut Reader<'_>) {
    let development = development(reader);
    let rootfs = &reader.merged.rootfs;
    for file in reader.files() {
        if file.path.file_name() != b"package.json" || !file.first {
            continue;
        }
        let Some(metadata) = reader.metadata(file.node) else {
            continue;
        };
        let Some(dir) = file.path.parent().filter(is_package_directory) else {
            continue;
        };
        let Some(node) = rootfs.lookup(&dir) else {
            continue;
        };
        let (scope, name) = match metadata.name.split_once('/') {
            Some((scope, name)) => (scope, name),
            None => ("", metadata.name.as_str()),
        };
        let id = purl(
            "npm",
            &scope.to_lowercase(),
            &name.to_lowercase(),
            &metadata.version,
            &[],
        );
        let found = PackageInfo {
            licence: metadata.licence.clone(),
            layer: reader.first_layer(file),
            location: file.path.to_string(),
            dev: development.contains(&dir),
            ..package(PackageKind::Npm, id, &metadata.name, &metadata.version)
        };
        let files = rootfs.files_below(node, Some(b"node_modules"));
        reader.found.add(found, files);
    }
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

/// Directories of packages that are for development only.
fn development(reader: &mut Reader<'_>) -> BTreeSet<ImagePath> {
    let mut directories = BTreeSet::new();
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
        let lock: LockFile = match serde_json::from_slice(text) {
            Ok(lock) => lock,
            Err(e) => {
                reader.problems.push(format!("read {}: {e}", file.path));
                continue;
            }
        };
        // Its keys start at the directory that holds node_modules.
        let base = file.path.parent().and_then(|modules| modules.parent());
        let base = base.unwrap_or_else(ImagePath::root);
        let locked = lock.packages.iter().filter(|(_, locked)| locked.dev);
        directories.extend(locked.map(|(key, _)| base.join(key)));
    }
    directories
}
