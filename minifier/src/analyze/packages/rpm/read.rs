//! Installed packages of rpm with their files, for [`read_packages`](super::super::read_packages).

use std::collections::BTreeSet;

use super::database::rpm_database;
use crate::analyze::ReadError;
use crate::analyze::packages::index::{Finder, Package, PackageIndex, PackageManager};
use crate::rootfs::ImagePath;

/// Folders that hold the database; often some of them are links to another one.
pub(crate) const RPM_FOLDERS: [&str; 3] =
    ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];
/// Names of the database, the newest form first: where a folder has several, the older ones are left from a
/// conversion.
pub(crate) const RPM_DATABASES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
/// Larger databases are not read.
pub(crate) const MAX_RPM_DATABASE: u64 = 128 << 20;

pub(in crate::analyze::packages) fn read(
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), ReadError> {
    let rootfs = finder.files.rootfs;
    let mut seen = BTreeSet::new();
    for folder in RPM_FOLDERS {
        let folder = ImagePath::from(folder);
        let Some(path) = RPM_DATABASES
            .iter()
            .map(|name| folder.join(name))
            .find(|path| {
                rootfs
                    .resolve(&ImagePath::root(), path.as_bytes(), true)
                    .found()
                    .is_some()
            })
        else {
            continue;
        };
        let found = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
        if found.found().is_some_and(|(_, node)| !seen.insert(node)) {
            continue;
        }
        let Some(bytes) = finder.files.read(&path, MAX_RPM_DATABASE)? else {
            continue;
        };
        // Databases that cannot be parsed give no packages, as with the other managers.
        for rpm in rpm_database(&bytes).unwrap_or_default().packages {
            let files = rpm.paths().filter_map(|path| finder.file(&path)).collect();
            let package = Package {
                version: rpm.full_version(),
                name: rpm.name,
                manager: PackageManager::Rpm,
            };
            index.add(package, files);
        }
    }
    Ok(())
}
