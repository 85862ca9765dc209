//! apk: the layers that packages came with, their licences and what they need.
//!
//! Source: Alpine wiki, "Apk spec", installed database.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::package::package;
use super::purl::purl;
use super::reader::PackageReader;
use super::relations::{MAX_NEEDS, Relations};
use crate::analyze::{ApkStanza, apk_databases, apk_stanzas};
use crate::rootfs::ImagePath;
use crate::xray::model::{PackageInfo, PackageKind};

pub(crate) fn read(reader: &mut PackageReader<'_>) {
    let documents = reader.documents();
    for database in apk_databases(&reader.merged.rootfs, &documents) {
        let Ok((path, database)) = database;
        read_database(reader, &path, &database);
    }
}

fn read_database(reader: &mut PackageReader<'_>, path: &ImagePath, database: &[u8]) {
    let mut first: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (layer, database) in reader.documents_of_layers(path) {
        for stanza in apk_stanzas(database) {
            // Each layer that installs something has the whole database: the lowest one with a package brought it.
            first.entry(stanza.key()).or_insert(layer);
        }
    }
    let mut garbage = 0;
    for stanza in apk_stanzas(database) {
        let (name, version) = stanza.key();
        if name.is_empty() {
            garbage += 1;
            continue;
        }
        let field = |letter| stanza.field(letter);
        let architecture = field(b'A');
        let files = stanza.files(&mut reader.finder);
        // Wolfi, Chainguard and postmarketOS use apk, and scanners look in their databases by this name.
        let vendor = reader.distribution.map_or("alpine", |d| d.id.as_str());
        let id = purl("apk", vendor, &name, &version, &[("arch", &architecture)]);
        let some = |text: String| (!text.is_empty()).then_some(text);
        let found = PackageInfo {
            architecture: some(architecture),
            licence: some(field(b'L')),
            source: some(field(b'o')).filter(|origin| *origin != name),
            supplier: some(field(b'm')),
            checksums: checksum(&field(b'C')).into_iter().collect(),
            layer: first
                .get(&(name.clone(), version.clone()))
                .copied()
                .unwrap_or_default(),
            location: path.to_string(),
            ..package(PackageKind::Apk, id, &name, &version)
        };
        reader.found.add(found, files, relations(&stanza));
    }
    if garbage > 0 {
        reader.problems.push(format!(
            "read {path}: {garbage} of its entries are no packages"
        ));
    }
}

/// `so:libc.musl-x86_64.so.1 /bin/sh busybox>=1.36 !conflict`
fn relations(stanza: &ApkStanza<'_>) -> Relations {
    let names = |letter| {
        let text = stanza.field(letter);
        let words = text.split_ascii_whitespace().take(MAX_NEEDS);
        // A conflict is listed among the dependencies, with a `!` in front.
        let names = words.filter(|word| !word.starts_with('!')).map(|word| {
            let end = word.find(['=', '<', '>', '~']).unwrap_or(word.len());
            word[..end].to_owned()
        });
        names.collect::<Vec<_>>()
    };
    Relations {
        provides: names(b'p'),
        ..Relations::needing(names(b'D'))
    }
}

/// `Q1` and SHA-1 in Base64, of the control files of the package.
fn checksum(field: &str) -> Option<String> {
    let sha1 = BASE64_STANDARD.decode(field.strip_prefix("Q1")?).ok()?;
    (sha1.len() == 20).then(|| format!("sha1:{}", hex::encode(sha1)))
}
