//! Python distributions: `*.dist-info/METADATA` with `RECORD`, `*.egg-info/PKG-INFO`.
//!
//! Source: PyPA, "Recording installed projects"; setuptools, "The internal structure of Python eggs".

use std::collections::BTreeSet;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use crate::analyze::record_names;
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::model::{PackageInfo, PackageKind};

pub(super) fn read(reader: &mut Reader<'_>) {
    for file in reader.files() {
        let path = &file.path;
        let name = path.file_name();
        if !(matches!(name, b"METADATA" | b"PKG-INFO") || name.ends_with(b".egg-info")) {
            continue;
        }
        let Some(metadata) = reader.metadata(file.node) else {
            continue;
        };
        let normal = metadata.name.to_lowercase().replace(['_', '.'], "-");
        let id = purl("pypi", "", &normal, &metadata.version, &[]);
        let found = PackageInfo {
            licence: metadata.licence.clone(),
            layer: reader.first_layer(file),
            location: path.to_string(),
            ..package(PackageKind::Python, id, &metadata.name, &metadata.version)
        };
        let mut files = files_of(reader, path);
        files.insert(file.node);
        reader.found.add(found, files);
    }
}

/// The files of the distribution whose metadata file is at `path`.
fn files_of(reader: &mut Reader<'_>, path: &ImagePath) -> BTreeSet<NodeId> {
    let (Some(info), true) = (path.parent(), !path.file_name().ends_with(b".egg-info")) else {
        return BTreeSet::new();
    };
    let base = info.parent().unwrap_or_else(ImagePath::root);
    let below = reader.merged.rootfs.lookup(&info);
    let mut files = below
        .map(|dir| reader.merged.rootfs.files_below(dir, None))
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
