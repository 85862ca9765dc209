//! Java archives, also those inside of others.

use std::collections::BTreeMap;

use super::java_names::{JavaName, java_name, split};
use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::Relations;
use crate::xray::detect::JavaArchive;
use crate::xray::merged::VisibleFile;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    for file in reader.files() {
        let archives = reader
            .extra(file.node)
            .map(|extra| extra.archives.as_slice());
        read_archives(reader, file, archives.unwrap_or_default());
    }
}

/// An archive, and what its own artifact is.
struct Named<'a> {
    archive: &'a JavaArchive,
    location: String,
    /// Index of its own among its artifacts; `None` if it has no record of itself.
    own: Option<usize>,
    name: JavaName,
}

/// The archives of one file.
fn read_archives(reader: &mut PackageReader<'_>, file: &VisibleFile, archives: &[JavaArchive]) {
    let named: Vec<Named<'_>> = archives.iter().map(|a| named(file, a)).collect();
    // What an archive brings: other archives inside of it, and artifacts that were merged into it.
    let mut brought: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for named in &named {
        let inside = named.archive.inside.as_str();
        if !inside.is_empty() {
            // `a.jar!b.jar` was brought by `a.jar`, and `a.jar` by the file itself, whose key is empty.
            let outer = inside.rsplit_once('!').map_or("", |(outer, _)| outer);
            brought.entry(outer).or_default().push(id(&named.name));
        }
        for (index, artifact) in named.archive.artifacts.iter().enumerate() {
            if named.own != Some(index) {
                brought.entry(inside).or_default().push(id(&of(artifact)));
            }
        }
    }
    for named in &named {
        let ids = brought.remove(named.archive.inside.as_str());
        read_archive(reader, file, named, ids.unwrap_or_default());
    }
}

fn named<'a>(file: &VisibleFile, archive: &'a JavaArchive) -> Named<'a> {
    let location = match archive.inside.as_str() {
        "" => file.path.to_string(),
        inside => format!("{}!{inside}", file.path),
    };
    let file_name = location.rsplit(['/', '!']).next().unwrap_or_default();
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let own = own(stem, archive);
    let name = match own {
        Some(index) => of(&archive.artifacts[index]),
        None => java_name(stem, &archive.manifest),
    };
    Named {
        archive,
        location,
        own,
        name,
    }
}

/// The record of an archive that is its own; `None` if it has none. An archive that others were merged into has theirs
/// too, or only theirs.
fn own(stem: &str, archive: &JavaArchive) -> Option<usize> {
    let (name, version) = split(stem);
    let called = |names: &[&str]| {
        let mut artifacts = archive.artifacts.iter();
        artifacts.position(|(_, artifact, _)| names.contains(&artifact.as_str()))
    };
    let manifest = &archive.manifest;
    let title = manifest.title.as_deref().unwrap_or_default();
    let bundle = manifest.symbolic_name.as_deref().unwrap_or_default();
    called(&[stem, name])
        .or_else(|| called(&[title, bundle, bundle.rsplit('.').next().unwrap_or_default()]))
        // `app.jar` is a name that an author chose; `other-1.0.jar` has the name of the repository.
        .or((archive.artifacts.len() == 1 && version.is_empty()).then_some(0))
}

fn of((group, artifact, version): &(String, String, String)) -> JavaName {
    JavaName {
        group: Some(group.clone()),
        artifact: artifact.clone(),
        version: version.clone(),
    }
}

fn id(name: &JavaName) -> String {
    match &name.group {
        Some(group) => {
            let group = group.replace('/', ".");
            purl("maven", &group, &name.artifact, &name.version, &[])
        }
        None => purl("generic", "", &name.artifact, &name.version, &[]),
    }
}

fn info(name: &JavaName) -> PackageInfo {
    let full = match &name.group {
        Some(group) => format!("{group}:{}", name.artifact),
        None => name.artifact.clone(),
    };
    package(PackageKind::Java, id(name), &full, &name.version)
}

fn read_archive(
    reader: &mut PackageReader<'_>,
    file: &VisibleFile,
    named: &Named<'_>,
    ids: Vec<String>,
) {
    let Named {
        archive, location, ..
    } = named;
    if let Some(problem) = &archive.problem {
        reader.problems.push(format!("read {location}: {problem}"));
    }
    let layer = reader.first_layer(&file.path, file.node);
    let is_file = archive.inside.is_empty();
    let checksum = match archive.sha256 {
        Some(sha256) => Some(format!("sha256:{}", hex::encode(sha256))),
        None => reader.checksum(file.node),
    };
    let found = PackageInfo {
        licence: archive.manifest.licence.clone(),
        supplier: archive.manifest.vendor.clone(),
        checksums: checksum.into_iter().collect(),
        layer,
        location: location.clone(),
        ..info(&named.name)
    };
    let relations = Relations {
        ids,
        ..Relations::default()
    };
    let files = is_file.then_some(file.node).into_iter().collect();
    reader.found.add(found, files, relations);
    for (index, artifact) in archive.artifacts.iter().enumerate() {
        if named.own != Some(index) {
            let found = PackageInfo {
                layer,
                location: location.clone(),
                // Shaded: the classes were merged into this archive, and no file of that artifact exists.
                vendored: true,
                ..info(&of(artifact))
            };
            reader
                .found
                .add(found, Default::default(), Relations::default());
        }
    }
}
