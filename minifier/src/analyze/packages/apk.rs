//! apk: `lib/apk/db/installed`, stanzas of one-letter fields.
//!
//! Source: Alpine wiki, "Apk spec", installed database.

use std::collections::BTreeSet;

use super::documents::{DocumentBytes, MAX_DATABASE, PackageDocuments};
use super::finder::Finder;
use super::index::{Package, PackageIndex, PackageManager};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Newer versions keep it below `/usr`.
const DATABASES: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/// The databases of an image, each once: one may be a link to the other.
pub(crate) fn apk_databases<'d, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
) -> impl Iterator<Item = Result<(ImagePath, DocumentBytes<'d>), D::Error>> {
    let mut seen = BTreeSet::new();
    DATABASES.iter().filter_map(move |path| {
        let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
        let (path, node) = resolution.found().filter(|(_, node)| seen.insert(*node))?;
        let database = documents.document(path, node, MAX_DATABASE);
        let database = database.transpose()?;
        Some(database.map(|database| (path.clone(), database)))
    })
}

/// An entry: the lines of a package.
pub(crate) struct ApkStanza<'a>(Vec<&'a [u8]>);

impl ApkStanza<'_> {
    /// The first field of that letter; empty if there is none.
    pub(crate) fn field(&self, letter: u8) -> String {
        let value = self.0.iter().find_map(|line| match line {
            [first, b':', value @ ..] if *first == letter => Some(value),
            _ => None,
        });
        value
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default()
    }

    /// Name and version; an entry without a name is no package.
    pub(crate) fn key(&self) -> (String, String) {
        (self.field(b'P'), self.field(b'V'))
    }

    pub(crate) fn files(&self, finder: &mut Finder<'_>) -> BTreeSet<NodeId> {
        let mut dir: &[u8] = b"";
        let mut files = BTreeSet::new();
        for line in &self.0 {
            match line {
                // `F:` opens a directory, and the `R:` lines after it name files in it.
                [b'F', b':', name @ ..] => dir = name,
                [b'R', b':', name @ ..] => {
                    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
                    files.extend(finder.file(&[b"/", dir, slash, name].concat()));
                }
                _ => {}
            }
        }
        files
    }
}

/// The entries of a database.
pub(crate) fn apk_stanzas(text: &[u8]) -> impl Iterator<Item = ApkStanza<'_>> {
    let mut lines = text.split(|&b| b == b'\n');
    std::iter::from_fn(move || {
        let first = lines.find(|line| !line.is_empty())?;
        let rest = lines.by_ref().take_while(|line| !line.is_empty());
        Some(ApkStanza(std::iter::once(first).chain(rest).collect()))
    })
}

pub(crate) fn read<D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &D,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), D::Error> {
    for database in apk_databases(rootfs, documents) {
        let (_, database) = database?;
        for stanza in apk_stanzas(&database) {
            let (name, version) = stanza.key();
            if name.is_empty() {
                continue;
            }
            let package = Package {
                name,
                version,
                manager: PackageManager::Apk,
            };
            index.add(package, stanza.files(finder));
        }
    }
    Ok(())
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
