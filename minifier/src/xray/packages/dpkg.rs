//! dpkg: the layers that packages came with, their licences and what they need.
//!
//! Source: `deb-control(5)`.

use std::collections::BTreeMap;

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::{MAX_NEEDS, Relations};
use crate::analyze::{DPKG_STATUS, DpkgStanza, dpkg_packages, dpkg_stanzas};
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    let documents = reader.documents();
    let rootfs = &reader.merged.rootfs;
    let status = ImagePath::from(DPKG_STATUS);
    // The layer in whose database a package of that version appeared first.
    let mut first: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for (layer, text) in reader.documents_of_layers(&status) {
        for stanza in dpkg_stanzas(text).filter(DpkgStanza::has_files) {
            first.entry(stanza.key()).or_insert(layer);
        }
    }
    let Ok(garbage) = dpkg_packages(rootfs, &documents, |found, lists| {
        let files = lists.files(&found, &mut reader.finder, &documents)?;
        // Distroless images have a file for each package (`status.d`), so its layer is that of the file.
        let layer = if *found.database == status {
            first.get(&found.stanza.key()).copied()
        } else {
            reader.lowest_layer(found.database)
        };
        let info = PackageInfo {
            layer: layer.unwrap_or_default(),
            location: found.database.to_string(),
            ..control(reader, &found.stanza)
        };
        // dpkg's own records of a package count as its files.
        let files = files.installed.into_iter().chain(files.records).collect();
        reader.found.add(info, files, relations(&found.stanza));
        Ok(())
    });
    for (path, count) in &garbage {
        let problem = format!("read {path}: {count} of its entries are no packages");
        reader.problems.push(problem);
    }
}

/// The package of a stanza, with the licence of its copyright file.
fn control(reader: &PackageReader<'_>, stanza: &DpkgStanza) -> PackageInfo {
    let (name, version, architecture) = stanza.key();
    let distribution = reader.distribution;
    let vendor = distribution.map_or("debian", |d| d.id.as_str());
    let distro = distribution
        .filter(|d| !d.version.is_empty())
        .map(|d| format!("{}-{}", d.id, d.version))
        .unwrap_or_default();
    let id = purl(
        "deb",
        vendor,
        &name,
        &version,
        &[("arch", &architecture), ("distro", &distro)],
    );
    // `Source: glibc (2.36-9)`
    let source = stanza
        .get("Source")
        .map(|source| source.split(' ').next().unwrap_or_default());
    // The database has no licences; the copyright file has them if it is machine-readable (DEP-5).
    let copyright = format!("/usr/share/doc/{name}/copyright");
    let resolution = reader
        .merged
        .rootfs
        .resolve(&ImagePath::root(), copyright.as_bytes(), true);
    let metadata = resolution
        .found()
        .and_then(|(_, node)| reader.metadata(node));
    PackageInfo {
        architecture: (!architecture.is_empty()).then_some(architecture),
        licence: metadata.and_then(|metadata| metadata.licence.clone()),
        source: source.filter(|source| *source != name).map(str::to_owned),
        supplier: stanza.get("Maintainer").map(str::to_owned),
        ..package(PackageKind::Deb, id, &name, &version)
    }
}

/// `libc6 (>= 2.36), default-mta | mail-transport-agent, python3:any`
fn relations(stanza: &DpkgStanza) -> Relations {
    let clauses = |field: &str| {
        let text = stanza.get(field).unwrap_or_default();
        text.split(',')
            .filter(|clause| !clause.trim().is_empty())
            .take(MAX_NEEDS)
    };
    let name = |clause: &str| {
        let end = clause.trim().split([' ', '(', ':']).next();
        end.unwrap_or_default().to_owned()
    };
    // `Recommends` is not needed: slim images leave such packages out.
    let needs = ["Pre-Depends", "Depends"].into_iter().flat_map(clauses);
    Relations {
        provides: clauses("Provides").map(name).collect(),
        needs: needs
            .map(|clause| clause.split('|').take(MAX_NEEDS).map(name).collect())
            .collect(),
        ids: Vec::new(),
    }
}
