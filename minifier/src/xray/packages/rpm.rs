//! rpm: its database, and the list that distroless images of Azure Linux have instead.

use std::collections::{BTreeMap, BTreeSet};

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::{MAX_NEEDS, Relations};
use crate::analyze::{PackageDocuments, RpmDatabase, RpmPackage, rpm_databases, rpm_manifest};
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind, UnreadDatabase};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    let documents = reader.documents();
    for (path, node) in rpm_databases(&reader.merged.rootfs) {
        let Ok(read) = documents.rpm(&path, node);
        match read {
            Some(Ok(database)) => read_database(reader, &path, &database),
            Some(Err(problem)) => {
                reader.problems.push(format!("read {path}: {problem}"));
                unread(reader, &path, &problem);
            }
            // If contents are not looked at, no package is reported, and no database as unread.
            None if reader.is_scanned(node) => {
                unread(reader, &path, "it is no file, or larger than is read");
            }
            None => {}
        }
    }
    read_manifest(reader);
}

fn unread(reader: &mut PackageReader<'_>, path: &ImagePath, reason: &str) {
    reader.unread.push(UnreadDatabase {
        path: path.to_string(),
        reason: reason.to_owned(),
    });
}

fn read_database(reader: &mut PackageReader<'_>, path: &ImagePath, database: &RpmDatabase) {
    let key = |rpm: &RpmPackage| {
        (
            rpm.name.clone(),
            rpm.full_version(),
            rpm.architecture.clone(),
        )
    };
    // The layer in whose database a package of that version appeared first.
    let mut first: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for body in reader.merged.bodies_at(path) {
        let extra = reader.scan.extra(body.content);
        if let Some(Some(Ok(database))) = extra.map(|extra| &extra.rpm) {
            for rpm in &database.packages {
                first.entry(key(rpm)).or_insert(body.content.layer as usize);
            }
        }
    }
    for rpm in &database.packages {
        let files = rpm.paths().filter_map(|path| reader.finder.file(&path));
        let files = files.collect();
        let found = PackageInfo {
            layer: first.get(&key(rpm)).copied().unwrap_or_default(),
            location: path.to_string(),
            licence: rpm.licence.clone(),
            supplier: rpm.vendor.clone(),
            checksums: rpm
                .header_sha256
                .iter()
                .filter(|sha256| {
                    // A header can claim anything, and schemas of bills of materials refuse other lengths.
                    sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit())
                })
                .map(|sha256| format!("sha256:{sha256}"))
                .collect(),
            ..info(reader, rpm)
        };
        let relations = Relations {
            provides: rpm.provides.iter().take(MAX_NEEDS).cloned().collect(),
            ..Relations::needing(rpm.requires.iter().cloned())
        };
        reader.found.add(found, files, relations);
    }
    if database.broken > 0 {
        reader.problems.push(format!(
            "read {path}: {} of its headers are no packages",
            database.broken
        ));
    }
    // SQLite leaves the last changes in a log beside the database until it is opened again.
    let log = ImagePath::new([path.as_bytes(), b"-wal"].concat());
    let rootfs = &reader.merged.rootfs;
    if rootfs
        .lookup(&log)
        .is_some_and(|node| rootfs.node(node).size() > 0)
    {
        reader.problems.push(format!(
            "read {log}: it contains changes to the database that are not read"
        ));
    }
}

/// Name, version, architecture, source and identifier.
fn info(reader: &PackageReader<'_>, rpm: &RpmPackage) -> PackageInfo {
    let distribution = reader.distribution;
    let vendor = distribution.map_or("", |d| d.id.as_str());
    let distro = distribution
        .filter(|d| !d.version.is_empty())
        .map(|d| format!("{}-{}", d.id, d.version))
        .unwrap_or_default();
    // The purl specification has the epoch as a qualifier; 0 is the same as none.
    let epoch = rpm.epoch.filter(|&epoch| epoch > 0);
    let epoch = epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
    let source = rpm.source.as_deref().unwrap_or_default();
    let id = purl(
        "rpm",
        vendor,
        &rpm.name,
        &rpm.version,
        &[
            ("arch", &rpm.architecture),
            ("distro", &distro),
            ("epoch", &epoch),
            ("upstream", source),
        ],
    );
    let architecture = &rpm.architecture;
    PackageInfo {
        architecture: (!architecture.is_empty()).then(|| architecture.clone()),
        source: source_name(source)
            .filter(|name| *name != rpm.name)
            .map(str::to_owned),
        ..package(PackageKind::Rpm, id, &rpm.name, &rpm.full_version())
    }
}

/// `bash` of `bash-5.2.26-3.fc40.src.rpm`.
fn source_name(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem
        .strip_suffix(".src")
        .or_else(|| stem.strip_suffix(".nosrc"))?;
    let (rest, _release) = stem.rsplit_once('-')?;
    Some(rest.rsplit_once('-')?.0)
}

fn read_manifest(reader: &mut PackageReader<'_>) {
    let documents = reader.documents();
    let Ok(Some(manifest)) = rpm_manifest(&reader.merged.rootfs, &documents) else {
        return;
    };
    let path = &manifest.path;
    let layer = reader.lowest_layer(path).unwrap_or_default();
    for rpm in manifest.packages() {
        let Some(rpm) = rpm else {
            reader
                .problems
                .push(format!("read {path}: a line is no package"));
            continue;
        };
        let found = PackageInfo {
            layer,
            location: path.to_string(),
            supplier: rpm.vendor.clone(),
            ..info(reader, &rpm)
        };
        reader
            .found
            .add(found, BTreeSet::new(), Relations::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_packages_have_names_with_dashes() {
        for (file, name) in [
            ("bash-5.2.26-3.fc40.src.rpm", Some("bash")),
            ("python-urllib3-1.26-1.nosrc.rpm", Some("python-urllib3")),
            ("(none)", None),
            ("a.src.rpm", None),
        ] {
            assert_eq!(source_name(file), name, "{file}");
        }
    }
}
