//! Python distributions: `*.dist-info/METADATA` with `RECORD`, `*.egg-info/PKG-INFO`, eggs, and the copies that pip and
//! setuptools bring for themselves.
//!
//! Source: PyPA, "Recording installed projects"; setuptools, "The internal structure of Python eggs"; pip, "Vendoring
//! policy".

use std::collections::BTreeSet;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use super::relations::Relations;
use super::urls::{Origin, direct_url};
use crate::analyze::{Metadata, is_in_tests, is_python_leftover, is_python_tree, record_names};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::merged::VisibleFile;
use crate::xray::model::{PackageInfo, PackageKind};

/// Directories of copies that a distribution has for its own use.
const VENDORED: [&[u8]; 2] = [b"_vendor", b"_vendored"];

pub(super) fn read(reader: &mut Reader<'_>) {
    // Copies that have metadata of their own: where, and which.
    let mut copies = BTreeSet::new();
    for file in reader.files() {
        let Some(metadata) = installed(reader, file) else {
            continue;
        };
        let path = &file.path;
        let normal = normal(&metadata.name);
        let vendored = vendored(path);
        if let Some(dir) = &vendored {
            copies.insert((dir.clone(), normal.clone()));
        }
        let origin = origin(reader, path);
        let mut files = files_of(reader, path);
        files.insert(file.node);
        let egg = path.file_name().ends_with(b".egg");
        let found = PackageInfo {
            licence: metadata.licence.clone(),
            supplier: metadata.supplier.clone(),
            download: origin.download,
            checksums: match egg {
                true => reader.checksum(file).into_iter().collect(),
                false => origin.checksums,
            },
            layer: reader.first_layer(file),
            location: path.to_string(),
            vendored: vendored.is_some(),
            ..info(metadata, &normal)
        };
        let relations = Relations {
            provides: vec![normal],
            ..Relations::needing(metadata.requires.iter().map(|name| self::normal(name)))
        };
        reader.found.add(found, files, relations);
    }
    read_vendor_lists(reader, copies);
}

fn info(metadata: &Metadata, normal: &str) -> PackageInfo {
    let id = purl("pypi", "", normal, &metadata.version, &[]);
    package(PackageKind::Python, id, &metadata.name, &metadata.version)
}

/// Source: PyPA, "Names and normalization".
fn normal(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The metadata of the distribution whose metadata file this is, if it is installed.
fn installed<'a>(reader: &Reader<'a>, file: &VisibleFile) -> Option<&'a Metadata> {
    let path = &file.path;
    let name = path.file_name();
    let dir = path.parent();
    let folder = match name {
        b"METADATA" | b"PKG-INFO" => dir.as_ref()?.file_name(),
        _ if name.ends_with(b".egg-info") || name.ends_with(b".egg") => name,
        _ => return None,
    };
    let leftover = is_python_leftover(folder);
    let metadata = reader.metadata(file.node)?;
    (!leftover && !is_in_tests(&reader.merged.rootfs, path, is_python_tree)).then_some(metadata)
}

/// The directory of copies that a path lies in.
fn vendored(path: &ImagePath) -> Option<ImagePath> {
    let folders: Vec<&[u8]> = path.components().collect();
    let last = folders.iter().rposition(|name| VENDORED.contains(name))?;
    Some(ImagePath::new(folders[..=last].join(&b'/')))
}

/// What pip recorded of where the distribution came from.
fn origin(reader: &mut Reader<'_>, path: &ImagePath) -> Origin {
    let record = path.parent().map(|info| info.join("direct_url.json"));
    let Some((record, text)) = record.and_then(|path| {
        let text = reader.document(&path)?;
        Some((path, text))
    }) else {
        return Origin::default();
    };
    direct_url(text).unwrap_or_else(|e| {
        reader.problems.push(format!("read {record}: {e}"));
        Origin::default()
    })
}

/// The files of the distribution whose metadata file is at `path`.
fn files_of(reader: &mut Reader<'_>, path: &ImagePath) -> BTreeSet<NodeId> {
    let name = path.file_name();
    let is_file = name.ends_with(b".egg-info") || name.ends_with(b".egg");
    let (Some(info), false) = (path.parent(), is_file) else {
        return BTreeSet::new();
    };
    let base = info.parent().unwrap_or_else(ImagePath::root);
    // An egg holds the code beside its metadata.
    let tree = match info.file_name() {
        b"EGG-INFO" if base.file_name().ends_with(b".egg") => &base,
        _ => &info,
    };
    let below = reader.merged.rootfs.lookup(tree);
    let mut files = below
        .map(|dir| reader.files_below(dir, None))
        .unwrap_or_default();
    // RECORD is relative to the directory that holds the dist-info, installed-files.txt to the egg-info itself.
    if let Some(record) = reader.document(&info.join("RECORD")) {
        for name in record_names(record) {
            insert(reader, &base, name, &mut files);
        }
    } else if let Some(list) = reader.document(&info.join("installed-files.txt")) {
        for line in list.split(|&b| b == b'\n') {
            insert(reader, &info, line, &mut files);
        }
    }
    files
}

fn insert(reader: &mut Reader<'_>, base: &ImagePath, name: &[u8], files: &mut BTreeSet<NodeId>) {
    let name = name.trim_ascii();
    if !name.is_empty() {
        files.extend(reader.finder.file(base.join(name).as_bytes()));
    }
}

/// Copies that have no metadata: pip lists them in `_vendor/vendor.txt`, `NAME==VERSION` on each line.
fn read_vendor_lists(reader: &mut Reader<'_>, mut copies: BTreeSet<(ImagePath, String)>) {
    for file in reader.files() {
        let dir = file
            .path
            .parent()
            .filter(|dir| VENDORED.contains(&dir.file_name()));
        let (b"vendor.txt", Some(dir)) = (file.path.file_name(), dir) else {
            continue;
        };
        let Some(list) = reader
            .extra(file.node)
            .and_then(|extra| extra.document.as_deref())
        else {
            continue;
        };
        for line in String::from_utf8_lossy(list).lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let Some((name, version)) = line.split_once("==") else {
                continue;
            };
            let metadata = Metadata {
                name: name.trim().to_owned(),
                version: version.trim().to_owned(),
                ..Metadata::default()
            };
            let normal = normal(&metadata.name);
            // Each once: a list of a megabyte could name one a hundred thousand times.
            if !copies.insert((dir.clone(), normal.clone())) {
                continue;
            }
            // Distributions take copies out and leave the list as it was.
            let module = normal.replace('-', "_");
            let rootfs = &reader.merged.rootfs;
            let tree = rootfs.lookup(&dir.join(&module));
            let single = rootfs.lookup(&dir.join(format!("{module}.py")));
            let files: BTreeSet<NodeId> = match (tree, single) {
                (Some(tree), _) => reader.files_below(tree, None),
                (None, Some(file)) => [file].into(),
                (None, None) => continue,
            };
            let found = PackageInfo {
                layer: reader.first_layer(file),
                location: file.path.to_string(),
                vendored: true,
                ..info(&metadata, &normal)
            };
            reader.found.add(found, files, Relations::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised_as_indexes_do_it() {
        assert_eq!(normal("Zope.Interface__x"), "zope-interface-x");
    }
}
