//! dpkg: `/var/lib/dpkg/status` with `info/*.list`, and `status.d` of distroless images.

use std::collections::{BTreeMap, BTreeSet};

use super::index::{Finder, Package, PackageIndex, PackageManager};
use crate::analyze::ReadError;
use crate::rootfs::{ImagePath, NodeId};

const MAX_STATUS: u64 = 64 << 20;
const MAX_LIST: u64 = 16 << 20;

pub(super) fn read(finder: &mut Finder<'_>, index: &mut PackageIndex) -> Result<(), ReadError> {
    let dpkg = ImagePath::from("/var/lib/dpkg");
    if let Some(status) = finder.files.read(&dpkg.join("status"), MAX_STATUS)? {
        for stanza in stanzas(&status) {
            let Some(package) = installed(&stanza) else {
                continue;
            };
            let info = dpkg.join("info");
            let architecture = stanza.get("Architecture").copied().unwrap_or_default();
            let names = [
                format!("{}.list", package.name),
                format!("{}:{architecture}.list", package.name),
            ];
            let mut list = None;
            for name in names {
                if list.is_none() && !name.contains('/') {
                    list = finder.files.read(&info.join(name), MAX_LIST)?;
                }
            }
            let lines = list.as_deref().unwrap_or_default().split(|&b| b == b'\n');
            let files = lines.filter_map(|path| finder.file(path)).collect();
            index.add(package, files);
        }
    }
    read_status_d(finder, index, &dpkg.join("status.d"))
}

/// Distroless images have a file per package, and `NAME.md5sums` in place of the list.
fn read_status_d(
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
    dir: &ImagePath,
) -> Result<(), ReadError> {
    let rootfs = finder.files.rootfs;
    let Some(node) = rootfs.lookup(dir) else {
        return Ok(());
    };
    for name in rootfs.children(node).keys() {
        if name.ends_with(b".md5sums") {
            continue;
        }
        let Some(text) = finder.files.read(&dir.join(name), MAX_LIST)? else {
            continue;
        };
        let sums = dir.join([name, b".md5sums".as_slice()].concat());
        let sums = finder.files.read(&sums, MAX_LIST)?.unwrap_or_default();
        let files: BTreeSet<NodeId> = sums
            .split(|&b| b == b'\n')
            .filter_map(|line| {
                let path = line.get(32..)?.trim_ascii_start();
                finder.file(&[b"/", path].concat())
            })
            .collect();
        for stanza in stanzas(&text) {
            if let Some(package) = package(&stanza) {
                index.add(package, files.clone());
            }
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
    status.ends_with(" installed").then(|| package(stanza))?
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
                .file("/lib/apk/db/installed", [text.as_bytes(), &status].concat())
                .file("/p/a-1.dist-info/RECORD", &status)
                .file("/n/node_modules/a/package.json", &status)
                .build();
            read_packages(&image.files()).unwrap();
        }
    }
}
