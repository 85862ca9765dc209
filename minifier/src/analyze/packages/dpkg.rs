//! dpkg: `/var/lib/dpkg/status` with `info/*.list`, and `status.d` of distroless images.

use std::collections::{BTreeMap, BTreeSet};

use super::dpkg_files::{Diversions, dpkg_has_files, md5sums_paths};
use super::index::{Finder, Package, PackageIndex, PackageManager};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId};

const MAX_STATUS: u64 = 64 << 20;
const MAX_LIST: u64 = 16 << 20;

pub(super) fn read(
    from: &Files<'_>,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), ReadError> {
    let dpkg = ImagePath::from("/var/lib/dpkg");
    let diversions = from.read(&dpkg.join("diversions"), MAX_LIST)?;
    let diversions = Diversions::parse(diversions.as_deref().unwrap_or_default());
    if let Some(status) = from.read(&dpkg.join("status"), MAX_STATUS)? {
        for stanza in stanzas(&status) {
            let Some(package) = installed(&stanza) else {
                continue;
            };
            let architecture = stanza.get("Architecture").copied().unwrap_or_default();
            let files = info_files(from, finder, &diversions, &package.name, architecture)?;
            index.add(package, files);
        }
    }
    read_status_d(from, finder, index, &dpkg.join("status.d"), &diversions)
}

/// The files that `info` has for a package: those of its list, else of its checksums.
fn info_files(
    from: &Files<'_>,
    finder: &mut Finder<'_>,
    diversions: &Diversions<'_>,
    name: &str,
    architecture: &str,
) -> Result<BTreeSet<NodeId>, ReadError> {
    let info = ImagePath::from("/var/lib/dpkg/info");
    if name.contains('/') || architecture.contains('/') {
        return Ok(BTreeSet::new());
    }
    let stems = [name.to_owned(), format!("{name}:{architecture}")];
    let find = |suffix: &str| {
        for stem in &stems {
            let path = info.join(format!("{stem}.{suffix}"));
            if let Some(text) = from.read(&path, MAX_LIST)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    };
    let paths: Vec<Vec<u8>> = match find("list")? {
        Some(list) => list.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect(),
        None => md5sums_paths(&find("md5sums")?.unwrap_or_default()).collect(),
    };
    let places = paths.iter().map(|path| diversions.place(name, path));
    Ok(places.filter_map(|path| finder.file(path)).collect())
}

/// Distroless images have a file per package, and `NAME.md5sums` in place of the list.
fn read_status_d(
    from: &Files<'_>,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
    dir: &ImagePath,
    diversions: &Diversions<'_>,
) -> Result<(), ReadError> {
    let rootfs = from.rootfs;
    let Some(node) = rootfs.lookup(dir) else {
        return Ok(());
    };
    for name in rootfs.children(node).keys() {
        if name.ends_with(b".md5sums") {
            continue;
        }
        let Some(text) = from.read(&dir.join(name), MAX_LIST)? else {
            continue;
        };
        let sums = dir.join([name, b".md5sums".as_slice()].concat());
        let sums = from.read(&sums, MAX_LIST)?;
        for stanza in stanzas(&text) {
            let Some(package) = package(&stanza) else {
                continue;
            };
            let files = match &sums {
                Some(sums) => md5sums_paths(sums)
                    .filter_map(|path| finder.file(diversions.place(&package.name, &path)))
                    .collect(),
                None => {
                    let architecture = stanza.get("Architecture").copied().unwrap_or_default();
                    info_files(from, finder, diversions, &package.name, architecture)?
                }
            };
            index.add(package, files);
        }
    }
    Ok(())
}

/// Fields of a control file by name, first lines only.
type Stanza<'a> = BTreeMap<&'a str, &'a str>;

fn stanzas(text: &[u8]) -> Vec<Stanza<'_>> {
    let mut all = vec![Stanza::new()];
    for line in text.split(|&b| b == b'\n') {
        if line.is_empty() {
            all.push(Stanza::new());
        } else if !line[0].is_ascii_whitespace()
            && let Ok(line) = std::str::from_utf8(line)
            && let Some((name, value)) = line.split_once(':')
            && let Some(stanza) = all.last_mut()
        {
            stanza.insert(name, value.trim());
        }
    }
    all.retain(|stanza| !stanza.is_empty());
    all
}

fn package(stanza: &Stanza<'_>) -> Option<Package> {
    Some(Package {
        name: (*stanza.get("Package")?).to_owned(),
        version: stanza
            .get("Version")
            .copied()
            .unwrap_or_default()
            .to_owned(),
        manager: PackageManager::Dpkg,
    })
}

fn installed(stanza: &Stanza<'_>) -> Option<Package> {
    let status = stanza.get("Status")?;
    dpkg_has_files(status).then(|| package(stanza))?
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
