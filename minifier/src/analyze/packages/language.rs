//! Python distributions (`NAME-VERSION.dist-info`) and npm packages (`node_modules/NAME`).
//!
//! Source: PyPA, "Recording installed projects"; npm, `package.json`.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::index::{Finder, Package, PackageIndex, PackageManager};
use super::trees::{is_in_tests, is_npm_project, is_python_leftover, is_python_tree, without_bom};
use crate::analyze::ReadError;
use crate::rootfs::{ImagePath, NodeId};

const MAX_RECORD: u64 = 16 << 20;
const MAX_PACKAGE_JSON: u64 = 1 << 20;

pub(super) fn read(finder: &mut Finder<'_>, index: &mut PackageIndex) -> Result<(), ReadError> {
    let rootfs = finder.files.rootfs;
    for (path, node) in rootfs.walk() {
        let name = path.file_name();
        if !rootfs.node(node).is_dir() {
            continue;
        }
        if let Some(package) = distribution(name) {
            if is_in_tests(rootfs, &path, is_python_tree) {
                continue;
            }
            let files = recorded_files(finder, &path)?;
            index.add(package, files);
        } else if name == b"node_modules" && !is_in_tests(rootfs, &path, is_npm_project) {
            for (child, &id) in rootfs.children(node) {
                let child_path = path.join(child);
                if child.starts_with(b"@") {
                    for (name, &id) in rootfs.children(id) {
                        read_npm(finder, index, &child_path.join(name), id)?;
                    }
                } else {
                    read_npm(finder, index, &child_path, id)?;
                }
            }
        }
    }
    Ok(())
}

/// `Flask-3.0.0.dist-info`
fn distribution(dir: &[u8]) -> Option<Package> {
    if is_python_leftover(dir) {
        return None;
    }
    let stem = std::str::from_utf8(dir).ok()?.strip_suffix(".dist-info")?;
    let (name, version) = stem.rsplit_once('-')?;
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        manager: PackageManager::Python,
    })
}

/// The files that `RECORD` lists, relative to the directory that holds the `dist-info`.
fn recorded_files(
    finder: &mut Finder<'_>,
    dist_info: &ImagePath,
) -> Result<BTreeSet<NodeId>, ReadError> {
    let record = finder.files.read(&dist_info.join("RECORD"), MAX_RECORD)?;
    let base = dist_info.parent().unwrap_or_else(ImagePath::root);
    let record = record.unwrap_or_default();
    Ok(record_names(&record)
        .filter(|name| !name.is_empty())
        .filter_map(|name| finder.file(base.join(name).as_bytes()))
        .collect())
}

/// The names in a `RECORD`, one of each line; empty lines have an empty one.
pub(crate) fn record_names(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    record.split(|&b| b == b'\n').filter_map(|line| {
        // Names with commas are quoted.
        match line.strip_prefix(b"\"") {
            Some(quoted) => quoted.split(|&b| b == b'"').next(),
            None => line.split(|&b| b == b',').next(),
        }
    })
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

fn read_npm(
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
    dir: &ImagePath,
    node: NodeId,
) -> Result<(), ReadError> {
    let rootfs = finder.files.rootfs;
    let Some(&json) = rootfs.children(node).get(&b"package.json"[..]) else {
        return Ok(());
    };
    let path = dir.join("package.json");
    let bytes = finder.files.read_node(&path, json, MAX_PACKAGE_JSON)?;
    let Some(manifest) =
        bytes.and_then(|b| serde_json::from_slice::<Manifest>(without_bom(&b)).ok())
    else {
        return Ok(());
    };
    if manifest.name.is_empty() {
        return Ok(());
    }
    let files = rootfs.files_below(node, Some(b"node_modules"));
    let package = Package {
        name: manifest.name,
        version: manifest.version,
        manager: PackageManager::Npm,
    };
    index.add(package, files);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::read_packages;
    use crate::analyze::testing::TestImage;

    #[test]
    fn python_distributions_and_npm_packages_are_named() {
        let image = TestImage::new()
            .file("/site/flask/app.py", "x")
            .file("/site/bin", "x")
            .file(
                "/site/Flask-3.0.0.dist-info/RECORD",
                "flask/app.py,sha256=a,1\n\"flask/a,b.py\",,\n../site/bin,,\nFlask-3.0.0.dist-info/RECORD,,\n",
            )
            .file("/app/node_modules/a/package.json", r#"{"name":"a","version":"1.0.0"}"#)
            .file("/app/node_modules/a/lib/x.js", "x")
            .file("/app/node_modules/a/node_modules/@s/b/package.json", r#"{"name":"@s/b"}"#)
            .build();
        let index = read_packages(&image.files()).unwrap();
        let names: Vec<String> = index
            .iter()
            .map(|(p, f)| format!("{p}: {}", f.len()))
            .collect();
        assert_eq!(names, ["@s/b: 1", "Flask 3.0.0: 3", "a 1.0.0: 2"]);
    }
}
