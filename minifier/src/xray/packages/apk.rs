//! apk: `lib/apk/db/installed`, stanzas of one-letter fields.
//!
//! Source: Alpine wiki, "Apk spec", installed database.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::found::package;
use super::purl::purl;
use super::read::Reader;
use super::relations::{MAX_NEEDS, Relations};
use crate::analyze::apk_stanzas;
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::model::{PackageInfo, PackageKind};

/// Newer versions keep it below `/usr`.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

pub(super) fn read(reader: &mut Reader<'_>) {
    for database in DATABASES {
        let path = ImagePath::from(database);
        // One may be a link to the other.
        if reader.merged.rootfs.lookup(&path).is_some() {
            read_database(reader, &path);
        }
    }
}

fn read_database(reader: &mut Reader<'_>, path: &ImagePath) {
    let Some(database) = reader.document(path) else {
        return;
    };
    let mut first: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (layer, database) in reader.documents_of_layers(path) {
        for stanza in apk_stanzas(database) {
            let key = (field(&stanza, b'P'), field(&stanza, b'V'));
            first.entry(key).or_insert(layer);
        }
    }
    let mut garbage = 0;
    for stanza in apk_stanzas(database) {
        let (name, version) = (field(&stanza, b'P'), field(&stanza, b'V'));
        if name.is_empty() {
            garbage += 1;
            continue;
        }
        let architecture = field(&stanza, b'A');
        let (mut dir, mut files): (&[u8], BTreeSet<NodeId>) = (b"", BTreeSet::new());
        for line in &stanza {
            match line {
                [b'F', b':', name @ ..] => dir = name,
                [b'R', b':', name @ ..] => {
                    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
                    files.extend(reader.finder.file(&[b"/", dir, slash, name].concat()));
                }
                _ => {}
            }
        }
        let vendor = reader.distribution.map_or("alpine", |d| d.id.as_str());
        let id = purl("apk", vendor, &name, &version, &[("arch", &architecture)]);
        let some = |text: String| (!text.is_empty()).then_some(text);
        let found = PackageInfo {
            architecture: some(architecture),
            licence: some(field(&stanza, b'L')),
            source: some(field(&stanza, b'o')).filter(|origin| *origin != name),
            supplier: some(field(&stanza, b'm')),
            checksums: checksum(&field(&stanza, b'C')).into_iter().collect(),
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
fn relations(stanza: &[&[u8]]) -> Relations {
    let names = |letter| {
        let text = field(stanza, letter);
        let words = text.split_ascii_whitespace().take(MAX_NEEDS);
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

fn field(stanza: &[&[u8]], letter: u8) -> String {
    let value = stanza.iter().find_map(|line| match line {
        [first, b':', value @ ..] if *first == letter => Some(value),
        _ => None,
    });
    value
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .unwrap_or_default()
}
