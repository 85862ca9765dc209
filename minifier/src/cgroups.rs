//! Mount points of the hierarchies of control groups.
//!
//! Source: cgroups(7), proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A mounted hierarchy, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Mount point.
    pub(crate) point: PathBuf,
    /// Whether its root is what is mounted: in a container, often only the container's own group is.
    pub(crate) whole: bool,
    /// With version 1, the mount options, which include the controllers; `None` for version 2.
    controllers: Option<Vec<Vec<u8>>>,
}

impl Hierarchy {
    /// Whether it is the unified hierarchy of version 2.
    #[cfg(any(feature = "trace", test))]
    pub(crate) fn is_unified(&self) -> bool {
        self.controllers.is_none()
    }

    /// Whether it is one of version 1 with all these controllers, which are separated by commas.
    #[cfg(any(feature = "trace", test))]
    pub(crate) fn controls(&self, controllers: &str) -> bool {
        let has = |options: &Vec<Vec<u8>>| {
            let mut wanted = controllers.split(',');
            wanted.all(|one| options.iter().any(|option| option == one.as_bytes()))
        };
        self.controllers.as_ref().is_some_and(has)
    }

    /// The folder of a control group, whose path is from the root of the hierarchy.
    pub(crate) fn folder(&self, cgroup: &Path) -> PathBuf {
        self.point.join(cgroup.strip_prefix("/").unwrap_or(cgroup))
    }
}

/// All hierarchies that are mounted in this process's mount namespace.
pub(crate) fn hierarchies() -> io::Result<Vec<Hierarchy>> {
    fs::read("/proc/self/mountinfo").map(|text| parse(&text))
}

/// The hierarchies in the text of a `mountinfo`; lines that are not understood are skipped.
pub(crate) fn parse(mountinfo: &[u8]) -> Vec<Hierarchy> {
    mountinfo
        .split(|byte| *byte == b'\n')
        .filter_map(hierarchy)
        .collect()
}

fn hierarchy(line: &[u8]) -> Option<Hierarchy> {
    let mut fields = line.split(|byte| *byte == b' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    // A variable number of optional fields, which a hyphen ends.
    fields.find(|field| *field == b"-")?;
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    let options = options.split(|byte| *byte == b',').map(<[u8]>::to_vec);
    Some(Hierarchy {
        point: OsString::from_vec(unescape(point)).into(),
        whole: root == b"/",
        controllers: match kind {
            b"cgroup" => Some(options.collect()),
            b"cgroup2" => None,
            _ => return None,
        },
    })
}

/// The kernel writes blanks, newlines and backslashes as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|_| first == b'\\');
        let byte =
            octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &[u8] = b"\
        30 23 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n\
        31 30 0:27 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
        32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        33 30 0:29 /part /mnt/a\\040part\\134\xff rw - cgroup2 cgroup2 rw\n\
        34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
        35 30 0:31 / /short rw - cgroup\n\n35\n";

    #[test]
    fn hierarchies_are_mounts_of_their_kind() {
        let found = parse(MOUNTS);
        let of = |point: &[u8], whole, controllers: Option<&[&[u8]]>| Hierarchy {
            point: OsString::from_vec(point.to_vec()).into(),
            whole,
            controllers: controllers.map(|all| all.iter().map(|one| one.to_vec()).collect()),
        };
        assert_eq!(
            found,
            [
                of(b"/sys/fs/cgroup/memory", true, Some(&[b"rw", b"memory"])),
                of(
                    b"/sys/fs/cgroup/cpu,cpuacct",
                    true,
                    Some(&[b"rw", b"cpu", b"cpuacct"])
                ),
                of(b"/mnt/a part\\\xff", false, None),
                of(
                    b"/sys/fs/cgroup/systemd",
                    true,
                    Some(&[b"rw", b"name=systemd"])
                ),
            ]
        );
        assert!(found[1].controls("cpu,cpuacct") && !found[1].controls("cpu,memory"));
        assert!(found[2].is_unified() && !found[2].controls("rw"));
        let folder = found[0].folder(Path::new("/docker/id"));
        assert_eq!(folder, Path::new("/sys/fs/cgroup/memory/docker/id"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "([0-9 /a-c\\\\-]{0,30}(cgroup2?)?[ a,]{0,9}\n?){0,4}") {
            let _ = parse(text.as_bytes());
        }
    }
}
