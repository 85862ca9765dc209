//! apk: `lib/apk/db/installed`, stanzas of one-letter fields.
//!
//! Source: Alpine wiki, "Apk spec", installed database.

use std::collections::BTreeSet;

use super::index::{Finder, Package, PackageIndex, PackageManager};
use crate::analyze::{Files, ReadError};

const MAX_DATABASE: u64 = 64 << 20;
/// Newer versions keep it below `/usr`.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

pub(super) fn read(
    from: &Files<'_>,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), ReadError> {
    for path in DATABASES {
        let database = from.read(&path.into(), MAX_DATABASE)?;
        for stanza in apk_stanzas(&database.unwrap_or_default()) {
            read_stanza(finder, index, &stanza);
        }
    }
    Ok(())
}

fn read_stanza(finder: &mut Finder<'_>, index: &mut PackageIndex, lines: &[&[u8]]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut package = Package {
        name: String::new(),
        version: String::new(),
        manager: PackageManager::Apk,
    };
    let mut dir: &[u8] = b"";
    let mut files = BTreeSet::new();
    for line in lines {
        match line {
            [b'P', b':', name @ ..] => package.name = text(name),
            [b'V', b':', version @ ..] => package.version = text(version),
            [b'F', b':', name @ ..] => dir = name,
            [b'R', b':', name @ ..] => {
                files.extend(finder.file(&[b"/", dir, b"/", name].concat()));
            }
            _ => {}
        }
    }
    if !package.name.is_empty() {
        index.add(package, files);
    }
}

/// The lines of each entry.
pub(crate) fn apk_stanzas(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let mut lines = text.split(|&b| b == b'\n');
    std::iter::from_fn(move || {
        let first = lines.find(|line| !line.is_empty())?;
        let rest = lines.by_ref().take_while(|line| !line.is_empty());
        Some(std::iter::once(first).chain(rest).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_packages;
    use crate::analyze::testing::TestImage;

    #[test]
    fn packages_own_the_files_below_their_directories() {
        let image = TestImage::new()
            .file("/bin/busybox", "x")
            .link("/bin/sh", "busybox")
            .file("/etc/motd", "m")
            .file(
                "/lib/apk/db/installed",
                "C:Q1\nP:busybox\nV:1.36-r0\nF:bin\nR:busybox\na:0:0:755\nR:sh\nR:gone\n\n\
                 P:baselayout\nV:3\nF:\nR:nothing\nF:etc\nR:motd\n",
            )
            .build();
        let index = read_packages(&image.files()).unwrap();
        let names: Vec<String> = index
            .iter()
            .map(|(p, f)| format!("{p} {}", f.len()))
            .collect();
        assert_eq!(names, ["baselayout 3 1", "busybox 1.36-r0 2"]);
    }
}
