//! `build --report` and `xray` list the same packages of an image, with the same files.

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
use crate::xray::testing::{analyse, image, zip};

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
pub(in crate::xray) type Id = (PackageKind, String, String);

/// The packages of a list, and to which of them each path belongs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::xray) struct List {
    pub(in crate::xray) packages: Vec<Id>,
    owners: BTreeMap<ImagePath, Id>,
}

/// What `plan` reads.
fn of_build(analysis: &Analysis, tars: Vec<Vec<u8>>) -> List {
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
    List {
        packages,
        owners: owned.collect(),
    }
}

/// What `xray` reads, of the managers that `plan` knows. It lists a package once for each place, and the application.
fn of_xray(analysis: &Analysis) -> List {
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
    List {
        packages,
        owners: owned.collect(),
    }
}

/// Analyses an image both ways, and gives the list that both have.
pub(in crate::xray) fn one_list(stored: &StoredImage, tars: Vec<Vec<u8>>) -> List {
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

fn names(list: &List) -> Vec<String> {
    let all = list.packages.iter();
    all.map(|(kind, name, version)| format!("{kind:?} {name} {version}"))
        .collect()
}

fn one_list_of(files: &[(&str, &[u8])]) -> List {
    let tar = files
        .iter()
        .fold(Tar::new(), |tar, (path, bytes)| tar.file(path, bytes));
    let tars = vec![tar.bytes()];
    one_list(&image(&tars, json!({})), tars)
}

#[test]
fn distributions_of_python_in_every_form_are_one_list() {
    let egg = zip(&[("EGG-INFO/PKG-INFO", b"Name: zipped\nVersion: 1\n\n")]);
    let list = one_list_of(&[
        // A folder whose name is not the distribution's, and files outside of it.
        (
            "s/site-packages/zope_interface-5.0.dist-info/METADATA",
            b"Name: Zope.Interface\nVersion: 5.0\n\n",
        ),
        (
            "s/site-packages/zope_interface-5.0.dist-info/RECORD",
            b"zope/a.py,,\n../../bin/zope,,\n\"zope/b,c.py\",,\n",
        ),
        (
            "s/site-packages/zope_interface-5.0.dist-info/INSTALLER",
            b"pip",
        ),
        ("s/site-packages/zope/a.py", b"x"),
        ("s/site-packages/zope/b,c.py", b"x"),
        ("s/site-packages/zope/left.pyc", b"x"),
        ("bin/zope", b"x"),
        // Metadata that is missing, and metadata that names nothing.
        ("s/site-packages/bare-1.0.dist-info/RECORD", b"bare.py,,\n"),
        ("s/site-packages/bare.py", b"x"),
        ("s/site-packages/empty-2.0.dist-info/METADATA", b"\n"),
        ("s/site-packages/empty-2.0.dist-info/RECORD", b"x.py,,\n"),
        ("s/site-packages/none-2.0.dist-info/INSTALLER", b"pip"),
        (
            "s/site-packages/~one-2.0.dist-info/METADATA",
            b"Name: one\nVersion: 2.0\n\n",
        ),
        ("s/site-packages/~one-2.0.dist-info/RECORD", b"x.py,,\n"),
        // The forms of setuptools.
        (
            "s/site-packages/folder.egg-info/PKG-INFO",
            b"Name: folder\nVersion: 1\n\n",
        ),
        (
            "s/site-packages/folder.egg-info/installed-files.txt",
            b"../folder.py\n",
        ),
        ("s/site-packages/folder.py", b"x"),
        (
            "s/dist-packages/single-1.egg-info",
            b"Name: single\nVersion: 1\n\n",
        ),
        (
            "s/site-packages/tree.egg/EGG-INFO/PKG-INFO",
            b"Name: tree\nVersion: 1\n\n",
        ),
        ("s/site-packages/tree.egg/tree.py", b"x"),
        ("s/site-packages/zipped-1-py3.9.egg", &egg),
        // Copies, of which one has metadata, and one comes before its owner in the alphabet.
        (
            "s/site-packages/pip-24.0.dist-info/METADATA",
            b"Name: pip\nVersion: 24.0\n\n",
        ),
        (
            "s/site-packages/pip-24.0.dist-info/RECORD",
            b"pip/_vendor/rich.py,,\npip/_vendor/cachecontrol/a.py,,\n",
        ),
        (
            "s/site-packages/pip/_vendor/vendor.txt",
            b"CacheControl==0.13 # x\nrich==13.7\nzipp==3\ngone==1\n",
        ),
        ("s/site-packages/pip/_vendor/rich.py", b"x"),
        ("s/site-packages/pip/_vendor/cachecontrol/a.py", b"x"),
        ("s/site-packages/pip/_vendor/zipp.py", b"x"),
        (
            "s/site-packages/pip/_vendor/zipp-3.1.dist-info/METADATA",
            b"Name: zipp\nVersion: 3.1\n\n",
        ),
        (
            "s/site-packages/pip/tests/t-1.dist-info/METADATA",
            b"Name: t\nVersion: 1\n\n",
        ),
        ("s/METADATA", b"Name: no\nVersion: 1\n\n"),
        ("s/PKG-INFO", b"Name: no\nVersion: 1\n\n"),
    ]);
    assert_eq!(
        names(&list),
        [
            "Python CacheControl 0.13",
            "Python Zope.Interface 5.0",
            "Python bare 1.0",
            "Python empty 2.0",
            "Python folder 1",
            "Python pip 24.0",
            "Python rich 13.7",
            "Python single 1",
            "Python tree 1",
            "Python zipp 3.1",
            "Python zipped 1",
        ]
    );
    for (path, owner) in [
        ("/bin/zope", Some("Zope.Interface")),
        ("/s/site-packages/zope/b,c.py", Some("Zope.Interface")),
        ("/s/site-packages/zope/left.pyc", None),
        ("/s/site-packages/folder.py", Some("folder")),
        ("/s/site-packages/tree.egg/tree.py", Some("tree")),
        ("/s/site-packages/pip/_vendor/rich.py", Some("pip")),
        (
            "/s/site-packages/pip/_vendor/cachecontrol/a.py",
            Some("CacheControl"),
        ),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
}

#[test]
fn packages_of_npm_in_every_form_are_one_list() {
    let json = |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0"}}"#).into_bytes();
    let zipped = zip(&[("node_modules/zipped/package.json", &json("zipped"))]);
    let bom = [b"\xef\xbb\xbf".as_slice(), &json("bom")].concat();
    let list = one_list_of(&[
        ("app/package.json", &json("app")),
        ("app/node_modules/a/package.json", &json("a")),
        ("app/node_modules/a/lib/x.js", b"x"),
        ("app/node_modules/a/lib/package.json", &json("part")),
        (
            "app/node_modules/a/node_modules/@s/b/package.json",
            &json("@s/b"),
        ),
        (
            "app/node_modules/a/test/node_modules/t/package.json",
            &json("t"),
        ),
        ("app/node_modules/test/package.json", &json("test")),
        ("app/node_modules/@odd/package.json", &json("odd")),
        ("app/node_modules/bom/package.json", &bom),
        ("app/node_modules/nameless/package.json", b"{}"),
        (
            "app/node_modules/number/package.json",
            br#"{"name":"n","version":1}"#,
        ),
        ("app/node_modules/broken/package.json", b"{"),
        ("pnp/.pnp.cjs", b"x"),
        ("pnp/package.json", &json("plugged")),
        ("pnp/.yarn/cache/zipped-npm-1.0.0-0.zip", &zipped),
        ("other/.yarn/cache/other-npm-1.0.0-0.zip", &zipped),
        ("root/.yarn/berry/cache/shared-npm-1.0.0-0.zip", &zipped),
    ]);
    assert_eq!(
        names(&list),
        [
            "Npm @s/b 1.0.0",
            "Npm a 1.0.0",
            "Npm bom 1.0.0",
            "Npm odd 1.0.0",
            "Npm test 1.0.0",
            "Npm zipped 1.0.0",
        ]
    );
    for (path, owner) in [
        ("/app/package.json", None),
        ("/app/node_modules/a/lib/x.js", Some("a")),
        (
            "/app/node_modules/a/node_modules/@s/b/package.json",
            Some("@s/b"),
        ),
        (
            "/root/.yarn/berry/cache/shared-npm-1.0.0-0.zip",
            Some("zipped"),
        ),
        ("/other/.yarn/cache/other-npm-1.0.0-0.zip", None),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
}

#[test]
fn packages_of_systems_and_of_what_is_installed_on_them_are_one_list() {
    let status = "Package: bash\nStatus: install ok half-configured\nVersion: 1\nArchitecture: amd64\n\n\
                  Package: dash\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n\n\
                  Package: python3-a\nStatus: install ok installed\nVersion: 3\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n";
    let base = Tar::new()
        .symlink("bin", "usr/bin")
        .symlink("lib", "usr/lib")
        .file("var/lib/dpkg/status", status.as_bytes())
        .file(
            "var/lib/dpkg/diversions",
            b"/bin/sh\n/bin/sh.distrib\ndash\n",
        )
        .file(
            "var/lib/dpkg/info/bash.list",
            b"/.\n/bin\n/bin/sh\n/bin/bash\n",
        )
        .file("var/lib/dpkg/info/bash.postinst", b"x")
        .file(
            "var/lib/dpkg/info/dash:amd64.md5sums",
            b"0123456789abcdef0123456789abcdef  bin/sh\n",
        )
        .file(
            "var/lib/dpkg/info/python3-a.list",
            b"/usr/lib/python3/dist-packages/a.py\n/usr/lib/python3/dist-packages/a-1.0.egg-info\n",
        )
        .file("var/lib/dpkg/info/gone.list", b"/usr/bin/bash\n")
        .file(
            "var/lib/dpkg/status.d/base",
            b"Package: base-files\nVersion: 12\n",
        )
        .file(
            "var/lib/dpkg/status.d/base.md5sums",
            b"0123456789abcdef0123456789abcdef  usr/share/base\nshort\n",
        )
        .file(
            "var/lib/dpkg/status.d/bash",
            b"Package: bash\nVersion: 1\nArchitecture: amd64\n",
        )
        .file("usr/share/base", b"x")
        .file("usr/bin/bash", b"bash")
        .file("usr/bin/sh", b"dash")
        .file("usr/bin/sh.distrib", b"bash")
        .file("usr/lib/python3/dist-packages/a.py", b"x")
        .file(
            "usr/lib/python3/dist-packages/a-1.0.egg-info",
            b"Name: a\nVersion: 1.0\n\n",
        )
        .file("usr/lib/left.so", b"x")
        .bytes();
    let upper = Tar::new()
        .file(
            "usr/lib/apk/db/installed",
            b"P:musl\nV:1\nF:lib\nR:ld.so\nR:gone\n\nV:2\n",
        )
        .file("usr/lib/ld.so", b"musl")
        .file(
            "usr/lib/sysimage/rpm/rpmdb.sqlite",
            include_bytes!("../../../../fuzz/corpus/rpm_database/sqlite"),
        )
        .symlink("var/lib/rpm", "../../usr/lib/sysimage/rpm")
        .file(
            "var/lib/rpmmanifest/container-manifest-2",
            b"filesystem\t1.1-19\t1\t1\tVendor\t0\t7596\tx86_64\t2\tfilesystem.src.rpm\nbroken\n",
        )
        .file("usr/bin/hello", b"#!/bin/sh\n")
        .file(
            "app/node_modules/a/package.json",
            br#"{"name":"a","version":"1.0.0"}"#,
        )
        .file(
            "s/site-packages/b-1.0.dist-info/METADATA",
            b"Name: B\nVersion: 1.0\n\n",
        )
        .file("usr/bin/.wh.bash", b"")
        .bytes();
    let tars = vec![base, upper];
    let list = one_list(&image(&tars, json!({})), tars);
    assert_eq!(
        names(&list),
        [
            "Deb base-files 12",
            "Deb bash 1",
            "Deb dash 2",
            "Deb python3-a 3",
            "Apk musl 1",
            "Rpm filesystem 2:1.1-19",
            "Rpm greeting-data 1:2.10-3",
            "Rpm hello 1:2.10-3",
            "Python B 1.0",
            "Python a 1.0",
            "Npm a 1.0.0",
        ]
    );
    for (path, owner) in [
        ("/usr/bin/sh", Some("dash")),
        ("/usr/bin/sh.distrib", Some("bash")),
        ("/var/lib/dpkg/info/bash.postinst", Some("bash")),
        ("/var/lib/dpkg/status.d/base.md5sums", Some("base-files")),
        (
            "/usr/lib/python3/dist-packages/a-1.0.egg-info",
            Some("python3-a"),
        ),
        ("/usr/lib/ld.so", Some("musl")),
        ("/usr/bin/hello", Some("hello")),
        ("/usr/lib/left.so", None),
    ] {
        let found = list.owners.get(&ImagePath::from(path));
        assert_eq!(found.map(|(_, name, _)| name.as_str()), owner, "{path}");
    }
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
    let problem = "read the files of packages: their directories lie in each other";
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
