//! [`Natives`]: native code of packages, for the platform of the image only.

use std::collections::BTreeSet;

use super::resolve::{LoadedModule, Resolver};
use crate::analyze::ReadError;
use crate::evidence::View;
use crate::rootfs::ImagePath;

/// Files of one package that are looked at.
const MAX_FILES: usize = 20_000;

/// Dynamic linkers, by which an image shows what its programs run on; the names that Node has for that.
const LINKERS: [(&str, &str, AddonLibc); 16] = [
    ("ld-linux-x86-64.so.2", "x64", AddonLibc::Glibc),
    ("ld-linux-aarch64.so.1", "arm64", AddonLibc::Glibc),
    ("ld-linux-armhf.so.3", "arm", AddonLibc::Glibc),
    ("ld-linux.so.2", "ia32", AddonLibc::Glibc),
    ("ld64.so.2", "ppc64", AddonLibc::Glibc),
    ("ld64.so.1", "s390x", AddonLibc::Glibc),
    ("ld-linux-riscv64-lp64d.so.1", "riscv64", AddonLibc::Glibc),
    ("ld-linux-loongarch-lp64d.so.1", "loong64", AddonLibc::Glibc),
    ("ld-musl-x86_64.so.1", "x64", AddonLibc::Musl),
    ("ld-musl-aarch64.so.1", "arm64", AddonLibc::Musl),
    ("ld-musl-armhf.so.1", "arm", AddonLibc::Musl),
    ("ld-musl-i386.so.1", "ia32", AddonLibc::Musl),
    ("ld-musl-powerpc64le.so.1", "ppc64", AddonLibc::Musl),
    ("ld-musl-s390x.so.1", "s390x", AddonLibc::Musl),
    ("ld-musl-riscv64.so.1", "riscv64", AddonLibc::Musl),
    ("ld-musl-loongarch64.so.1", "loong64", AddonLibc::Musl),
];

/// Words in names of files and packages for other systems.
const OTHER_SYSTEMS: [&str; 12] = [
    "darwin", "macos", "osx", "win32", "win", "windows", "msvc", "freebsd", "openbsd", "android",
    "sunos", "aix",
];

/// Words for machines, and Node's name for them.
const MACHINES: [(&str, &str); 20] = [
    ("x64", "x64"),
    ("x86_64", "x64"),
    ("amd64", "x64"),
    ("ia32", "ia32"),
    ("i386", "ia32"),
    ("i686", "ia32"),
    ("x86", "ia32"),
    ("arm64", "arm64"),
    ("aarch64", "arm64"),
    ("arm", "arm"),
    ("armv6", "arm"),
    ("armv7", "arm"),
    ("armhf", "arm"),
    ("ppc64", "ppc64"),
    ("ppc64le", "ppc64"),
    ("s390x", "s390x"),
    ("riscv64", "riscv64"),
    ("loong64", "loong64"),
    ("mips64el", "mips64el"),
    ("mipsel", "mipsel"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddonLibc {
    Glibc,
    Musl,
}

/// What programs of the image run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddonPlatform {
    machine: &'static str,
    libc: AddonLibc,
}

impl AddonPlatform {
    /// Of a dynamic linker.
    pub(crate) fn of_linker(path: &ImagePath) -> Option<Self> {
        let name = path.file_name();
        let known = LINKERS
            .iter()
            .find(|(linker, ..)| linker.as_bytes() == name);
        known.map(|&(_, machine, libc)| Self { machine, libc })
    }

    /// Whether a name says that it is for another platform: `prebuilds/darwin-arm64/x.node`.
    fn is_named_otherwise(self, name: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.split(|c| !is_part(c)).any(|word| match word {
            "musl" | "linuxmusl" | "alpine" => self.libc != AddonLibc::Musl,
            "gnu" | "glibc" | "gnueabihf" => self.libc != AddonLibc::Glibc,
            word => {
                let machine = MACHINES.iter().find(|(name, _)| *name == word);
                OTHER_SYSTEMS.contains(&word)
                    || machine.is_some_and(|(_, machine)| *machine != self.machine)
            }
        })
    }

    /// Whether the lists of a manifest allow it; `!x` leaves out, and no list allows all.
    fn is_listed(self, os: &[String], cpu: &[String], libc: &[String]) -> bool {
        let name = match self.libc {
            AddonLibc::Glibc => "glibc",
            AddonLibc::Musl => "musl",
        };
        allows(os, "linux") && allows(cpu, self.machine) && allows(libc, name)
    }
}

fn allows(list: &[String], name: &str) -> bool {
    let left_out = list
        .iter()
        .any(|entry| entry.strip_prefix('!') == Some(name));
    let only = list.iter().any(|entry| !entry.starts_with('!'));
    !left_out && (!only || list.iter().any(|entry| entry == name))
}

/// Finds native code of packages.
#[derive(Debug, Default)]
pub(crate) struct Natives {
    /// `None` until a dynamic linker stays.
    pub(crate) platform: Option<AddonPlatform>,
}

impl Natives {
    /// The addons of the package that a file belongs to.
    pub(crate) fn of(
        &self,
        view: &View<'_>,
        resolver: &mut Resolver,
        file: &ImagePath,
    ) -> Result<Vec<LoadedModule>, ReadError> {
        let (Some(platform), Some((package, _))) = (self.platform, resolver.scope(view, file)?)
        else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for path in own_files(view, &package) {
            let inside =
                String::from_utf8_lossy(&path.as_bytes()[package.as_bytes().len()..]).into_owned();
            if inside.ends_with(".node") && !platform.is_named_otherwise(&inside) {
                found.extend(resolver.file(view, &path)?);
            }
        }
        Ok(found)
    }

    /// The packages for this platform that a package has as optional dependencies, each with all its files.
    pub(crate) fn optional(
        &self,
        view: &View<'_>,
        resolver: &mut Resolver,
        file: &ImagePath,
    ) -> Result<Vec<(ImagePath, BTreeSet<ImagePath>)>, ReadError> {
        let (Some(platform), Some((scope, manifest))) =
            (self.platform, resolver.scope(view, file)?)
        else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for name in &manifest.optional {
            let Some(place) = resolver
                .places(view, &scope.join("package.json"), name)
                .into_iter()
                .next()
            else {
                continue;
            };
            let Some(optional) = resolver.manifest(view, &place)? else {
                continue;
            };
            // One without a platform is no native code, and found by its name.
            let has_platform = !optional.os.is_empty() || !optional.cpu.is_empty();
            let fits = platform.is_listed(&optional.os, &optional.cpu, &optional.libc)
                && !platform.is_named_otherwise(name);
            let Some((real, _)) = view
                .existing(place.as_bytes())
                .filter(|_| has_platform && fits)
            else {
                continue;
            };
            let mut paths = own_files(view, &real);
            // The link by which pnpm leads there.
            paths.insert(place.join("package.json"));
            found.push((real, paths));
        }
        Ok(found)
    }
}

/// The files of a package, without those of packages in it.
fn own_files(view: &View<'_>, package: &ImagePath) -> BTreeSet<ImagePath> {
    let rootfs = view.files.rootfs;
    let mut files = BTreeSet::new();
    let mut stack: Vec<ImagePath> = vec![package.clone()];
    while let Some(directory) = stack.pop() {
        let Some(node) = rootfs.lookup(&directory) else {
            continue;
        };
        for (name, &child) in rootfs.children(node) {
            if files.len() >= MAX_FILES {
                return files;
            }
            let path = directory.join(name);
            if !rootfs.node(child).is_dir() {
                files.insert(path);
            } else if &**name != b"node_modules" {
                stack.push(path);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_other_platforms_are_told_apart() {
        let platform = |linker: &str| AddonPlatform::of_linker(&linker.into()).expect("a linker");
        let glibc = platform("/lib64/ld-linux-x86-64.so.2");
        let musl = platform("/lib/ld-musl-aarch64.so.1");
        for (name, on_glibc, on_musl) in [
            ("/prebuilds/linux-x64/node.napi.glibc.node", true, false),
            ("/prebuilds/linux-x64/a.node", true, false),
            ("/prebuilds/linux-arm64/a.musl.node", false, true),
            ("/prebuilds/darwin-arm64/a.node", false, false),
            ("/prebuilds/win32-x64/a.node", false, false),
            ("/build/Release/a.node", true, true),
            ("@img/sharp-linuxmusl-arm64", false, true),
            ("lib.linux-x86_64-gnu.node", true, false),
        ] {
            assert_eq!(!glibc.is_named_otherwise(name), on_glibc, "{name}");
            assert_eq!(!musl.is_named_otherwise(name), on_musl, "{name}");
        }
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert!(glibc.is_listed(&list(&["linux"]), &list(&["x64"]), &list(&["glibc"])));
        assert!(glibc.is_listed(&list(&["!win32"]), &[], &[]));
        assert!(!glibc.is_listed(&list(&["!linux"]), &[], &[]));
        assert!(!musl.is_listed(&list(&["linux"]), &list(&["arm64"]), &list(&["glibc"])));
    }
}
