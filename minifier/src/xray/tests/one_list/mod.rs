//! `build --report` and `xray` list the same packages of an image, with the same files.

mod forms;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;

use crate::analyze::{Files, PackageManager, read_packages};
use crate::rootfs::tar::testing::Tar;
use crate::rootfs::{ContentRef, ContentStore, ImagePath};
use crate::transport::StoredImage;
use crate::xray::Analysis;
use crate::xray::model::PackageKind;
use crate::xray::packages;
use crate::xray::testing::{analyse, image};

/// Contents in the tars of layers, by their offsets, and how many were opened.
struct Tars(Vec<Vec<u8>>, AtomicUsize);

impl Tars {
    fn new(tars: Vec<Vec<u8>>) -> Self {
        Self(tars, AtomicUsize::new(0))
    }
}

impl ContentStore for Tars {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let tar = &self.0[content.layer as usize];
        let (at, size) = (content.at as usize, content.size as usize);
        Ok(Box::new(&tar[at..at + size]))
    }
}

fn kind(manager: PackageManager) -> PackageKind {
    match manager {
        PackageManager::Dpkg => PackageKind::Deb,
        PackageManager::Apk => PackageKind::Apk,
        PackageManager::Rpm => PackageKind::Rpm,
        PackageManager::Python => PackageKind::Python,
        PackageManager::Npm => PackageKind::Npm,
    }
}

/// Kind, name and version.
pub(crate) type Id = (PackageKind, String, String);

/// The packages of a list, and to which of them each path belongs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PackageLists {
    pub(crate) packages: Vec<Id>,
    owners: BTreeMap<ImagePath, Id>,
}

/// The list that `plan` reads.
fn of_build(analysis: &Analysis, tars: Vec<Vec<u8>>) -> PackageLists {
    let rootfs = &analysis.merged.rootfs;
    let store = Tars::new(tars);
    let files = Files {
        rootfs,
        store: &store,
    };
    let index = read_packages(&files).unwrap();
    let id = |package: &crate::analyze::Package| {
        let kind = kind(package.manager);
        (kind, package.name.clone(), package.version.clone())
    };
    let mut packages: Vec<Id> = index.iter().map(|(package, _)| id(package)).collect();
    packages.sort();
    let owned = rootfs
        .walk()
        .filter_map(|(path, node)| Some((path, id(index.owner(node)?))));
    PackageLists {
        packages,
        owners: owned.collect(),
    }
}

/// What `xray` reads, of the managers that `plan` knows. It lists a package once for each place, and the application.
fn of_xray(analysis: &Analysis) -> PackageLists {
    let read = packages::read(&analysis.scan, &analysis.merged, None);
    let known = |kind| {
        matches!(
            kind,
            PackageKind::Deb
                | PackageKind::Apk
                | PackageKind::Rpm
                | PackageKind::Python
                | PackageKind::Npm
        )
    };
    let ids: Vec<Id> = read
        .packages
        .iter()
        .map(|package| {
            let info = &package.info;
            (info.kind, info.name.clone(), info.version.clone())
        })
        .collect();
    let listed = read.packages.iter().zip(&ids);
    let listed =
        listed.filter(|(package, _)| known(package.info.kind) && !package.info.application);
    let mut packages: Vec<Id> = listed.map(|(_, id)| id.clone()).collect();
    packages.sort();
    packages.dedup();
    let owned = analysis
        .merged
        .rootfs
        .walk()
        .filter_map(|(path, node)| Some((path, ids[read.owners.index(node)?].clone())))
        .filter(|(_, (kind, ..))| known(*kind));
    PackageLists {
        packages,
        owners: owned.collect(),
    }
}

/// Analyses an image both ways, and gives the list that both have.
pub(crate) fn one_list(stored: &StoredImage, tars: Vec<Vec<u8>>) -> PackageLists {
    let analysis = analyse(stored);
    let (xray, build) = (of_xray(&analysis), of_build(&analysis, tars));
    assert_eq!(build.packages, xray.packages);
    let differ = build
        .owners
        .iter()
        .filter(|(path, owner)| xray.owners.get(path) != Some(owner));
    let missing = xray
        .owners
        .iter()
        .filter(|(path, _)| !build.owners.contains_key(path));
    let differ: Vec<_> = differ.chain(missing).take(20).collect();
    assert!(differ.is_empty(), "{differ:?}");
    xray
}

fn names(list: &PackageLists) -> Vec<String> {
    let all = list.packages.iter();
    all.map(|(kind, name, version)| format!("{kind:?} {name} {version}"))
        .collect()
}

fn one_list_of(files: &[(&str, &[u8])]) -> PackageLists {
    let tar = files
        .iter()
        .fold(Tar::new(), |tar, (path, bytes)| tar.file(path, bytes));
    let tars = vec![tar.bytes()];
    one_list(&image(&tars, json!({})), tars)
}

#[test]
fn packages_that_lie_in_each_other_are_bounded_in_both_lists() {
    let (mut tar, mut dir) = (Tar::new(), String::from("s"));
    for i in 0..40 {
        dir += &format!("/{i}.egg");
        let info = format!("Name: p{i}\nVersion: 1\n\n");
        tar = tar.file(&format!("{dir}/EGG-INFO/PKG-INFO"), info.as_bytes());
    }
    for i in 0..200 {
        tar = tar.file(&format!("{dir}/{i}.py"), b"x");
    }
    let tars = vec![tar.bytes()];
    let stored = image(&tars, json!({}));
    let analysis = analyse(&stored);
    let problem = "read the files of packages: their directories are nested too deeply";
    let problems = &analysis.xray.problems;
    assert!(problems[0].starts_with(problem), "{problems:?}");
    let store = Tars::new(tars.clone());
    let files = Files {
        rootfs: &analysis.merged.rootfs,
        store: &store,
    };
    assert!(read_packages(&files).unwrap().left_out());
    assert_eq!(one_list(&stored, tars).packages.len(), 40);
}

#[test]
fn lists_of_many_entries_and_files_of_many_names_are_read_once() {
    let status: String = (0..1000)
        .map(|n| format!("Package: a\nStatus: install ok installed\nVersion: {n}\n\n"))
        .collect();
    let first = Tar::new()
        .file("var/lib/dpkg/status", status.as_bytes())
        .file("var/lib/dpkg/info/a.list", b"/x\n")
        .file("var/lib/dpkg/status.d/b", b"Package: b\n\nPackage: c\n")
        .file("var/lib/dpkg/status.d/b.md5sums", b"")
        .file(
            "node_modules/0/package.json",
            br#"{"name":"n","version":"1"}"#,
        );
    let tar = (1..1000).fold(first, |tar, n| {
        let name = format!("node_modules/{n}/package.json");
        tar.add(
            tar::EntryType::Link,
            &name,
            "node_modules/0/package.json",
            b"",
        )
    });
    let tars = vec![tar.bytes()];
    let analysis = analyse(&image(&tars, json!({})));
    let store = Tars::new(tars);
    let files = Files {
        rootfs: &analysis.merged.rootfs,
        store: &store,
    };
    assert_eq!(read_packages(&files).unwrap().iter().count(), 1003);
    assert_eq!(store.1.into_inner(), 5);
}

/// Paths that mean something to a reader, and texts that do.
const PATHS: [&str; 18] = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/a",
    "var/lib/dpkg/status.d/a.md5sums",
    "var/lib/dpkg/info/a.list",
    "var/lib/dpkg/info/b:x.md5sums",
    "var/lib/dpkg/diversions",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/rpmmanifest/container-manifest-2",
    "p/a-1.dist-info/METADATA",
    "p/a-1.dist-info/RECORD",
    "p/b.egg-info/PKG-INFO",
    "p/b.egg-info/installed-files.txt",
    "p/_vendor/vendor.txt",
    "p/_vendor/a.py",
    "n/node_modules/a/package.json",
    "n/node_modules/a/node_modules/b/package.json",
    "n/package.json",
];
const TEXTS: [&str; 12] = [
    "",
    "\n",
    "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: x\n",
    "Package: b\nStatus: install ok unpacked\nArchitecture: x\n",
    "Package: ../a\nStatus: install ok installed\n",
    "Name: a\nVersion: 1\n",
    "/p/_vendor/a.py\n/n/package.json\n",
    "0123456789abcdef0123456789abcdef  p/_vendor/a.py\n",
    "P:a\nV:1\nF:p/_vendor\nR:a.py\nF:\nR:x\n",
    "a==1\nb==2\n../_vendor/a.py,,\n_vendor/a.py,,\n",
    r#"{"name":"a","version":"1"}"#,
    "a\t1\t\t\t\t\t\tx\t1\ts\n",
];

#[test]
fn a_package_that_stands_twice_has_its_files_once_in_both_lists() {
    let twice: &[u8] = b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: x\n\n\
                        Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: x\n\0";
    for list in [&b"Package: a\n\n"[..], b"/p/_vendor/a.py\n"] {
        for diversions in [&b""[..], b"\n/p/_vendor/a.py\n/n/package.json\n"] {
            one_list_of(&[
                ("p/_vendor/a.py", b""),
                ("var/lib/dpkg/diversions", diversions),
                ("var/lib/dpkg/info/a.list", list),
                ("var/lib/dpkg/status", twice),
            ]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_databases_hold_is_one_list(
        files in proptest::collection::btree_map(
            proptest::sample::select(&PATHS[..]),
            proptest::collection::vec(proptest::sample::select(&TEXTS[..]), 1..4),
            0..PATHS.len(),
        ),
        garbage in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let files: Vec<(&str, Vec<u8>)> = files
            .into_iter()
            .map(|(path, texts)| (path, [texts.join("\n").as_bytes(), &garbage].concat()))
            .collect();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, &**text)).collect();
        one_list_of(&files);
    }
}
