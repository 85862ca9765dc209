//! Java archives, also those inside of others.

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use crate::xray::merged::VisibleFile;
use crate::xray::model::{PackageInfo, PackageKind};
use crate::xray::scan::Archive;

pub(super) fn read(reader: &mut Reader<'_>) {
    for file in reader.files() {
        let archives = reader
            .extra(file.node)
            .map(|extra| extra.archives.as_slice());
        for archive in archives.unwrap_or_default() {
            read_archive(reader, file, archive);
        }
    }
}

fn read_archive(reader: &mut Reader<'_>, file: &VisibleFile, archive: &Archive) {
    let location = match archive.inside.as_str() {
        "" => file.path.to_string(),
        inside => format!("{}!{inside}", file.path),
    };
    if let Some(problem) = &archive.problem {
        reader.problems.push(format!("read {location}: {problem}"));
    }
    let layer = reader.first_layer(file);
    let is_file = archive.inside.is_empty();
    let file_name = location.rsplit(['/', '!']).next().unwrap_or_default();
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let (stem_name, stem_version) = split(stem);
    // A shaded archive has the properties of all that is in it: its own are those of its name.
    let own = archive
        .artifacts
        .iter()
        .position(|(_, artifact, _)| artifact == stem || artifact == stem_name)
        .or((archive.artifacts.len() == 1).then_some(0));
    for (index, (group, artifact, version)) in archive.artifacts.iter().enumerate() {
        let id = purl("maven", &group.replace('/', "."), artifact, version, &[]);
        let found = PackageInfo {
            licence: archive
                .manifest
                .licence
                .clone()
                .filter(|_| own == Some(index)),
            layer,
            location: location.clone(),
            ..package(
                PackageKind::Java,
                id,
                &format!("{group}:{artifact}"),
                version,
            )
        };
        let owns = is_file && own == Some(index);
        reader
            .found
            .add(found, owns.then_some(file.node).into_iter().collect());
    }
    if own.is_none() {
        let manifest = &archive.manifest;
        let version = manifest.version.as_deref().unwrap_or(stem_version);
        let id = purl("generic", "", stem_name, version, &[]);
        let found = PackageInfo {
            licence: manifest.licence.clone(),
            layer,
            location: location.clone(),
            ..package(PackageKind::Java, id, stem_name, version)
        };
        reader
            .found
            .add(found, is_file.then_some(file.node).into_iter().collect());
    }
}

/// `commons-io-2.11.0`: the name, and the version from the first part that starts with a digit.
fn split(stem: &str) -> (&str, &str) {
    let digit = |at: &usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    match stem.match_indices('-').map(|(at, _)| at).find(digit) {
        Some(at) => (&stem[..at], &stem[at + 1..]),
        None => (stem, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_archives_end_where_the_version_starts() {
        assert_eq!(split("commons-io-2.11.0"), ("commons-io", "2.11.0"));
        assert_eq!(split("log4j-1.2-api-2.17.1"), ("log4j", "1.2-api-2.17.1"));
        assert_eq!(split("server"), ("server", ""));
    }
}
