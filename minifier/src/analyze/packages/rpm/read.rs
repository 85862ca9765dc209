//! The places of rpm's databases, and the list that distroless images of Azure Linux have instead.

use std::collections::BTreeSet;

use super::header::RpmPackage;
use crate::analyze::packages::documents::{MAX_DOCUMENT, PackageDocuments, document_at};
use crate::analyze::packages::finder::Finder;
use crate::analyze::packages::index::{Package, PackageIndex, PackageManager};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Folders that hold the database; often some of them are links to another one.
pub(crate) const RPM_FOLDERS: [&str; 3] =
    ["/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"];
/// Names of the database, the newest form first: if a folder has several, the older ones are left from a
/// conversion.
pub(crate) const RPM_DATABASES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
/// Larger databases are not read.
pub(crate) const MAX_RPM_DATABASE: u64 = 128 << 20;

const MANIFEST: &str = "/var/lib/rpmmanifest/container-manifest-2";

/// The databases of an image, each once: one folder may be a link to another one.
pub(crate) fn rpm_databases(rootfs: &RootFs) -> Vec<(ImagePath, NodeId)> {
    let mut seen = BTreeSet::new();
    let folders = RPM_FOLDERS.iter().filter_map(|folder| {
        let folder = ImagePath::from(*folder);
        RPM_DATABASES.iter().find_map(|name| {
            let path = folder.join(name);
            let resolved = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
            let (path, node) = resolved.found()?;
            Some((path.clone(), node))
        })
    });
    folders.filter(|(_, node)| seen.insert(*node)).collect()
}

/// The list of a distroless image.
pub(crate) struct RpmManifest {
    pub(crate) path: ImagePath,
    text: String,
}

impl RpmManifest {
    /// Each of its lines; `None` for one that is no package.
    pub(crate) fn packages(&self) -> impl Iterator<Item = Option<RpmPackage>> {
        self.text.lines().map(listed)
    }
}

/// Reads the list of a distroless image.
pub(crate) fn rpm_manifest<D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &D,
) -> Result<Option<RpmManifest>, D::Error> {
    let path = ImagePath::from(MANIFEST);
    let text = document_at(rootfs, documents, &path, MAX_DOCUMENT)?;
    Ok(text.map(|(_, text)| RpmManifest {
        path,
        text: String::from_utf8_lossy(&text).into_owned(),
    }))
}

/// Name, version and release, times, vendor, epoch, size, architecture, epoch, source.
fn listed(line: &str) -> Option<RpmPackage> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[
        name,
        version,
        _,
        _,
        vendor,
        _,
        _,
        architecture,
        epoch,
        source,
        ..,
    ] = &fields[..]
    else {
        return None;
    };
    Some(RpmPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        epoch: epoch.parse().ok(),
        architecture: architecture.to_owned(),
        vendor: (!vendor.is_empty()).then(|| vendor.to_owned()),
        source: Some(source.to_owned()),
        ..RpmPackage::default()
    })
}

pub(crate) fn read<D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &D,
    finder: &mut Finder<'_>,
    index: &mut PackageIndex,
) -> Result<(), D::Error> {
    let package = |rpm: &RpmPackage| Package {
        name: rpm.name.clone(),
        version: rpm.full_version(),
        manager: PackageManager::Rpm,
    };
    for (path, node) in rpm_databases(rootfs) {
        // Databases that cannot be parsed give no packages, as with the other managers.
        let Some(Ok(database)) = documents.rpm(&path, node)? else {
            continue;
        };
        for rpm in &database.packages {
            let files = rpm.paths().filter_map(|path| finder.file(&path)).collect();
            index.add(package(rpm), files);
        }
    }
    if let Some(manifest) = rpm_manifest(rootfs, documents)? {
        for rpm in manifest.packages().flatten() {
            index.add(package(&rpm), BTreeSet::new());
        }
    }
    Ok(())
}
