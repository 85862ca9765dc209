//! Files that give privileges, files that everybody can write to, shells and package managers.

use super::collected::Findings;
use crate::rootfs::{ImagePath, NodeKind, RootFs};
use crate::xray::detect::capabilities;
use crate::xray::merged::Merged;
use crate::xray::model::{Finding, FindingKind, FindingLocation, PrivilegedFile, Severity};
use crate::xray::packages::Owners;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
/// Mounted over, or meant to be written by everybody.
const MOUNTED: [&[u8]; 4] = [b"/dev", b"/proc", b"/sys", b"/run/lock"];

const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "csh", "tcsh",
];
/// Programs that install packages of a distribution.
const DISTRIBUTION: [&str; 10] = [
    "apt", "apt-get", "dpkg", "apk", "yum", "dnf", "microdnf", "rpm", "zypper", "pacman",
];
/// Programs that install packages of a language.
const LANGUAGES: [&str; 5] = ["pip", "pip3", "npm", "yarn", "gem"];
const PROGRAM_DIRS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Files with setuid, setgid or capabilities; findings about them and about permissions go to `findings`.
pub(crate) fn privileges(
    merged: &Merged,
    owners: &Owners,
    findings: &mut Findings<'_>,
) -> Vec<PrivilegedFile> {
    let mut files = Vec::new();
    let rootfs = &merged.rootfs;
    let mut seen = vec![false; rootfs.count()];
    for (path, id) in rootfs.walk() {
        let node = rootfs.node(id);
        // Hard links are one file; the mode of a symbolic link means nothing on Linux.
        if std::mem::replace(&mut seen[id.index()], true) || node.link_target().is_some() {
            continue;
        }
        let (meta, owned) = (&node.meta, owners.owns(id));
        let mut finding = |kind, severity, message: String| {
            let location = FindingLocation::File {
                path: path.to_string(),
                layer: node.layer,
                line: None,
                visible: true,
            };
            findings.push(Finding::new(kind, severity, message, location, ""));
        };
        let is_file = matches!(node.kind, NodeKind::File { .. });
        let executable = meta.mode & 0o111 != 0;
        let granted = meta
            .xattrs
            .get(&b"security.capability"[..])
            .and_then(|a| capabilities(a));
        if is_file && (meta.mode & (SETUID | SETGID) != 0 || granted.is_some()) {
            // Distributions have a handful of such programs, which are reviewed; one without a package is somebody's
            // own.
            if meta.mode & SETUID != 0 && executable && !owned {
                finding(
                    FindingKind::Setuid,
                    Severity::Warning,
                    format!(
                        "{path} runs as user {} whoever starts it, and belongs to no package",
                        meta.uid
                    ),
                );
            }
            // Without the group's right to execute, the bit meant mandatory locking, which current kernels ignore.
            if meta.mode & SETGID != 0 && meta.mode & 0o010 != 0 && !owned {
                finding(
                    FindingKind::Setgid,
                    Severity::Warning,
                    format!(
                        "{path} runs as group {} whoever starts it, and belongs to no package",
                        meta.gid
                    ),
                );
            }
            if let Some(granted) = &granted {
                let severity = if granted.like_root {
                    Severity::Warning
                } else {
                    Severity::Note
                };
                finding(
                    FindingKind::FileCapabilities,
                    severity,
                    format!("{path} has the capabilities {}", granted.text),
                );
            }
            files.push(PrivilegedFile {
                path: path.to_string(),
                mode: format!("{:o}", meta.mode),
                uid: meta.uid,
                gid: meta.gid,
                capabilities: granted.map(|granted| granted.text),
                package: owners.id(id),
            });
        }
        // A directory that no layer has an entry for has no mode of its own.
        let implied = matches!(node.kind, NodeKind::Directory { implied: true, .. });
        let open = meta.mode & OTHERS_WRITE != 0
            && !implied
            && !MOUNTED
                .iter()
                .any(|mount| path.starts_with(&ImagePath::new(mount)));
        match &node.kind {
            // With the sticky bit, as on `/tmp`, users cannot remove or rename files of others.
            NodeKind::Directory { .. } if open && meta.mode & STICKY == 0 => {
                finding(
                    FindingKind::WorldWritable,
                    Severity::Warning,
                    format!("everybody may write to and delete from the directory {path}"),
                );
            }
            NodeKind::File { .. } if open => {
                finding(
                    FindingKind::WorldWritable,
                    Severity::Warning,
                    format!("everybody may write to {path}"),
                );
            }
            _ => {}
        }
    }
    files
}

/// Paths of the programs of these names; a link counts if it leads to a file.
fn programs(rootfs: &RootFs, names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for dir in PROGRAM_DIRS {
        // `/bin` is often a link to `/usr/bin`: the same programs again.
        let real = rootfs.resolve(&ImagePath::root(), dir.as_bytes(), true);
        if real
            .found()
            .is_none_or(|(path, _)| *path != ImagePath::from(dir))
        {
            continue;
        }
        for name in names {
            let path = ImagePath::from(dir).join(name);
            let end = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            if end
                .found()
                .is_some_and(|(_, id)| rootfs.node(id).content().is_some())
            {
                found.push(path.to_string());
            }
        }
    }
    found.sort();
    found
}

/// Paths of the shells.
pub(crate) fn shells(rootfs: &RootFs) -> Vec<String> {
    programs(rootfs, &SHELLS)
}

/// Paths of the package managers, and a finding if there is one of a distribution.
pub(crate) fn package_managers(rootfs: &RootFs) -> (Vec<String>, Option<Finding>) {
    let of_distribution = programs(rootfs, &DISTRIBUTION);
    let finding = of_distribution.first().map(|path| {
        let names: Vec<&str> = of_distribution
            .iter()
            .filter_map(|path| path.rsplit('/').next())
            .collect();
        let layer = rootfs
            .get(&ImagePath::from_text(path))
            .map_or(0, |node| node.layer);
        let location = FindingLocation::File {
            path: path.clone(),
            layer,
            line: None,
            visible: true,
        };
        Finding::new(
            FindingKind::PackageManager,
            Severity::Note,
            format!(
                "the image can install packages: it has {}",
                names.join(", ")
            ),
            location,
            "",
        )
    });
    let mut all = [of_distribution, programs(rootfs, &LANGUAGES)].concat();
    all.sort();
    (all, finding)
}
