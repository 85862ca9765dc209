//! dpkg: `/var/lib/dpkg/status` with `info/*.list`, and `status.d` of distroless images.
//!
//! Source: `deb-control(5)`, `dpkg-query(1)`.

use std::collections::BTreeSet;

use super::documents::{
    DocumentBytes, MAX_DATABASE, MAX_DOCUMENT, MAX_LIST, PackageDocuments, document_at,
};
use super::dpkg_files::{Diversions, md5sums_paths};
use super::dpkg_stanza::{DpkgStanza, dpkg_stanzas};
use super::finder::Finder;
use super::index::{Package, PackageIndex, PackageManager};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// The database of packages.
pub(crate) const DPKG_STATUS: &str = "/var/lib/dpkg/status";
const STATUS_D: &str = "/var/lib/dpkg/status.d";
const INFO: &str = "/var/lib/dpkg/info";
const DIVERSIONS: &str = "/var/lib/dpkg/diversions";
/// Files of a package in `info` that dpkg itself keeps, and that no list names.
const RECORDS: [&str; 12] = [
    "list",
    "md5sums",
    "conffiles",
    "preinst",
    "postinst",
    "prerm",
    "postrm",
    "shlibs",
    "symbols",
    "triggers",
    "templates",
    "config",
];

/// A package that has files.
pub(crate) struct DpkgPackage<'a> {
    pub(crate) stanza: DpkgStanza,
    /// The database that names it.
    pub(crate) database: &'a ImagePath,
    /// Its control file, if it is in `status.d`.
    control: Option<NodeId>,
}

/// Reads the databases and passes each package to `each`, one at a time: all entries take many times the memory of the
/// text. A package that is in both databases is passed once, from the one that says more. Returns the databases with
/// entries that are no packages, and how many these are.
pub(crate) fn dpkg_packages<D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &D,
    mut each: impl FnMut(DpkgPackage<'_>, &mut DpkgLists<'_>) -> Result<(), D::Error>,
) -> Result<Vec<(ImagePath, usize)>, D::Error> {
    let diversions = document_at(rootfs, documents, &DIVERSIONS.into(), MAX_DOCUMENT)?;
    let diversions = diversions.map(|(_, text)| text).unwrap_or_default();
    let mut lists = DpkgLists::new(&diversions);
    let mut garbage = Vec::new();
    let mut known = BTreeSet::new();
    let path = ImagePath::from(DPKG_STATUS);
    if let Some((_, status)) = document_at(rootfs, documents, &path, MAX_DATABASE)? {
        let mut count = 0;
        for stanza in dpkg_stanzas(&status) {
            if !stanza.is_package() {
                count += 1;
            } else if stanza.has_files() {
                known.insert(stanza.key());
                let package = DpkgPackage {
                    stanza,
                    database: &path,
                    control: None,
                };
                each(package, &mut lists)?;
            }
        }
        garbage.extend((count > 0).then_some((path, count)));
    }
    let dir = ImagePath::from(STATUS_D);
    let Some(node) = rootfs.lookup(&dir) else {
        return Ok(garbage);
    };
    for (name, &child) in rootfs.children(node) {
        // Distroless images keep the checksums beside the control file of the same name.
        if name.ends_with(b".md5sums") {
            continue;
        }
        let path = dir.join(name);
        let Some(control) = documents.document(&path, child, MAX_LIST)? else {
            continue;
        };
        let mut count = 0;
        for stanza in dpkg_stanzas(&control) {
            if !stanza.is_package() {
                count += 1;
            } else if !known.contains(&stanza.key()) {
                let package = DpkgPackage {
                    stanza,
                    database: &path,
                    control: Some(child),
                };
                each(package, &mut lists)?;
            }
        }
        garbage.extend((count > 0).then_some((path, count)));
    }
    Ok(garbage)
}

/// The files of a package.
#[derive(Debug, Default)]
pub(crate) struct DpkgFiles {
    /// Those that it installed.
    pub(crate) installed: BTreeSet<NodeId>,
    /// Those that dpkg keeps of it.
    pub(crate) records: BTreeSet<NodeId>,
}

/// Finds the files of packages.
pub(crate) struct DpkgLists<'d> {
    diversions: Diversions<'d>,
    /// Lists that have been read: thousands of entries of one name would have the same thousands of files.
    read: BTreeSet<NodeId>,
}

impl<'d> DpkgLists<'d> {
    fn new(diversions: &'d [u8]) -> Self {
        Self {
            diversions: Diversions::parse(diversions),
            read: BTreeSet::new(),
        }
    }

    /// The files of a package: those of its list, else of its checksums. Of several entries with the same list, the
    /// first one has them.
    pub(crate) fn files<D: PackageDocuments>(
        &mut self,
        package: &DpkgPackage<'_>,
        finder: &mut Finder<'_>,
        documents: &D,
    ) -> Result<DpkgFiles, D::Error> {
        let rootfs = finder.rootfs;
        let (name, _, architecture) = package.stanza.key();
        let mut files = DpkgFiles::default();
        let mut sums = None;
        if let Some(control) = package.control {
            let path = ImagePath::new([package.database.as_bytes(), b".md5sums"].concat());
            files.records.insert(control);
            files.records.extend(rootfs.lookup(&path));
            sums = self.list(rootfs, documents, &path)?;
        }
        let mut list = None;
        if sums.is_none() {
            let info = ImagePath::from(INFO);
            // Packages of `Multi-Arch: same` have the architecture in the names of their files.
            let stems = [name.clone(), format!("{name}:{architecture}")];
            let mut find = |suffix: &str| {
                for stem in &stems {
                    let path = info.join(format!("{stem}.{suffix}"));
                    let found = self.list(rootfs, documents, &path)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            };
            list = find("list")?;
            if list.is_none() {
                sums = find("md5sums")?;
            }
            let records = RECORDS.iter().flat_map(|suffix| {
                let stems = stems.iter();
                stems.map(move |stem| format!("{stem}.{suffix}"))
            });
            let records = records.filter_map(|record| rootfs.lookup(&info.join(record)));
            if package.control.is_none() {
                files.records.extend(records);
            }
        }
        let mut insert = |path: &[u8]| {
            // A diverted file lies elsewhere; another package has the file at its path.
            let place = self.diversions.place(&name, path);
            files.installed.extend(finder.file(place));
        };
        match (list, sums) {
            (Some(list), _) => list.split(|&b| b == b'\n').for_each(insert),
            (None, Some(sums)) => md5sums_paths(&sums).for_each(|path| insert(&path)),
            (None, None) => {}
        }
        Ok(files)
    }

    /// The text of a list, which is read once: empty after that.
    fn list<'c, D: PackageDocuments>(
        &mut self,
        rootfs: &RootFs,
        documents: &'c D,
        path: &ImagePath,
    ) -> Result<Option<DocumentBytes<'c>>, D::Error> {
        let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
        let Some((path, node)) = resolution.found() else {
            return Ok(None);
        };
        if self.read.contains(&node) {
            return Ok(Some(DocumentBytes::default()));
        }
        let list = documents.document(path, node, MAX_LIST)?;
        if list.is_some() {
            self.read.insert(node);
        }
        Ok(list)
    }
}

pub(crate) fn read<D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &D,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), D::Error> {
    dpkg_packages(rootfs, documents, |found, lists| {
        let files = lists.files(&found, finder, documents)?;
        let (name, version, _) = found.stanza.key();
        let package = Package {
            name,
            version,
            manager: PackageManager::Dpkg,
        };
        index.add_records(&package, files.records);
        index.add(package, files.installed);
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::read_packages;
    use crate::analyze::testing::TestImage;
    use proptest::prelude::*;

    #[test]
    fn installed_packages_own_the_files_of_their_lists() {
        let image = TestImage::new()
            .link("/bin", "usr/bin")
            .file("/usr/bin/sh", "x")
            .file("/usr/lib/liba.so", "y")
            .file(
                "/var/lib/dpkg/status",
                "Package: dash\nStatus: install ok installed\nVersion: 0.5\nDescription: a\n b: c\n\n\
                 Package: liba\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n\
                 Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
            )
            .file("/var/lib/dpkg/info/dash.list", "/.\n/bin\n/bin/sh\n/usr/share/gone\n")
            .file("/var/lib/dpkg/info/liba:amd64.list", "/usr/lib/liba.so\n")
            .build();
        let index = read_packages(&image.files()).unwrap();
        let names: Vec<String> = index
            .iter()
            .map(|(p, f)| format!("{p} {}", f.len()))
            .collect();
        assert_eq!(names, ["dash 0.5 1", "liba 1 1"]);
        let sh = image.rootfs.lookup(&"/usr/bin/sh".into()).unwrap();
        assert_eq!(index.owner(sh).unwrap().name, "dash");
    }

    #[test]
    fn distroless_status_files_are_read() {
        let image = TestImage::new()
            .file("/usr/lib/libc.so", "x")
            .file(
                "/var/lib/dpkg/status.d/libc6",
                "Package: libc6\nVersion: 2\n",
            )
            .file(
                "/var/lib/dpkg/status.d/libc6.md5sums",
                "0123456789abcdef0123456789abcdef  usr/lib/libc.so\nshort\n",
            )
            .build();
        let index = read_packages(&image.files()).unwrap();
        let (package, files) = index.iter().next().unwrap();
        assert_eq!((package.to_string().as_str(), files.len()), ("libc6 2", 1));
        // What the database has of it is its own, and does not make a package stay.
        let sums = "/var/lib/dpkg/status.d/libc6.md5sums";
        let sums = image.rootfs.lookup(&sums.into()).unwrap();
        assert_eq!(index.owner(sums).unwrap().name, "libc6");
        assert!(!files.contains(&sums));
    }

    #[test]
    fn packages_that_were_interrupted_have_files_and_removed_ones_have_none() {
        let states = [
            ("unpacked", true),
            ("half-configured", true),
            ("half-installed", true),
            ("triggers-awaited", true),
            ("triggers-pending", true),
            ("config-files", false),
            ("not-installed", false),
        ];
        let mut image = TestImage::new();
        let mut status = String::new();
        for (state, _) in states {
            status += &format!("Package: {state}\nStatus: install ok {state}\nVersion: 1\n\n");
            let list = format!("/var/lib/dpkg/info/{state}.list");
            image = image
                .file(&format!("/usr/{state}"), "x")
                .file(&list, format!("/usr/{state}\n"));
        }
        let image = image.file("/var/lib/dpkg/status", status).build();
        let index = read_packages(&image.files()).unwrap();
        for (state, expected) in states {
            let found = index.iter().find(|(package, _)| package.name == state);
            assert_eq!(
                found.map(|(_, files)| files.len()),
                expected.then_some(1),
                "{state}"
            );
        }
    }

    #[test]
    fn diverted_files_belong_to_whom_they_were_diverted_from() {
        let image = TestImage::new()
            .file("/usr/bin/sh", "dash")
            .file("/usr/bin/sh.distrib", "bash")
            .file(
                "/var/lib/dpkg/diversions",
                "/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n",
            )
            .file(
                "/var/lib/dpkg/status",
                "Package: bash\nStatus: install ok installed\n\n\
                 Package: dash\nStatus: install ok installed\n",
            )
            .file("/var/lib/dpkg/info/bash.list", "/usr/bin/sh\n")
            .file("/var/lib/dpkg/info/dash.list", "/usr/bin/sh\n")
            .build();
        let index = read_packages(&image.files()).unwrap();
        for (path, owner) in [("/usr/bin/sh", "dash"), ("/usr/bin/sh.distrib", "bash")] {
            let node = image.rootfs.lookup(&path.into()).unwrap();
            assert_eq!(index.owner(node).unwrap().name, owner, "{path}");
        }
    }

    #[test]
    fn status_files_of_bazel_have_their_lists_in_info() {
        let image = TestImage::new()
            .file("/usr/lib/liba.so", "x")
            .file(
                "/var/lib/dpkg/status.d/YQ",
                "Package: a\nVersion: 2\nArchitecture: amd64\n",
            )
            .file(
                "/var/lib/dpkg/info/a:amd64.md5sums",
                "0123456789abcdef0123456789abcdef  usr/lib/liba.so\n",
            )
            .build();
        let index = read_packages(&image.files()).unwrap();
        let (package, files) = index.iter().next().unwrap();
        assert_eq!((package.to_string().as_str(), files.len()), ("a 2", 1));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(
            status in proptest::collection::vec(any::<u8>(), 0..300),
            text in "(Package: [a/.]{0,3}\nStatus: x installed\n|P:a\n|R:b\n|F:\n|\n){0,8}",
        ) {
            let image = TestImage::new()
                .file("/var/lib/dpkg/status", [text.as_bytes(), &status].concat())
                .file("/var/lib/dpkg/status.d/a", &status)
                .file("/var/lib/dpkg/info/a.list", &status)
                .file("/var/lib/dpkg/diversions", &status)
                .file("/var/lib/rpm/rpmdb.sqlite", &status)
                .file("/lib/apk/db/installed", [text.as_bytes(), &status].concat())
                .file("/p/a-1.dist-info/RECORD", &status)
                .file("/n/node_modules/a/package.json", &status)
                .build();
            read_packages(&image.files()).unwrap();
        }
    }
}
