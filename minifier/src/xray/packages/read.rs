//! [`read`]: all databases and metadata files of an image.

use super::found::FoundPackages;
use super::package::{Owners, PackageFiles};
use super::reader::PackageReader;
use super::{apk, compiled, dpkg, gems, java, npm, python, rpm};
use crate::analyze::Finder;
use crate::xray::merged::Merged;
use crate::xray::model::{DistributionInfo, Packages, UnreadDatabase};
use crate::xray::problems::Problems;
use crate::xray::scan::Scan;

/// Databases of package managers that are not read. Their packages are missing, which the report has to say.
const UNREAD: &[(&str, &str)] = &[
    ("/var/lib/pacman/local", "pacman databases are not read yet"),
    ("/var/lib/opkg/status", "opkg databases are not read yet"),
    ("/usr/lib/opkg/status", "opkg databases are not read yet"),
    ("/var/db/pkg", "Portage databases are not read yet"),
];

/// Packages and owners of files, and the databases that could not be read.
pub(crate) struct ReadPackages {
    pub(crate) packages: Vec<PackageFiles>,
    pub(crate) owners: Owners,
    pub(crate) unread: Vec<UnreadDatabase>,
    pub(crate) problems: Vec<String>,
}

/// Reads the packages of all kinds, and finds out which one owns each file.
pub(crate) fn read(
    scan: &Scan,
    merged: &Merged,
    distribution: Option<&DistributionInfo>,
) -> ReadPackages {
    let mut reader = PackageReader {
        scan,
        merged,
        finder: Finder::new(&merged.rootfs),
        distribution,
        found: FoundPackages::new(scan.budget.clone()),
        unread: Vec::new(),
        problems: Problems::default(),
    };
    dpkg::read(&mut reader);
    apk::read(&mut reader);
    rpm::read(&mut reader);
    python::read(&mut reader);
    npm::read(&mut reader);
    gems::read(&mut reader);
    java::read(&mut reader);
    compiled::read(&mut reader);
    // Directories that contain each other through links could be walked through for ever.
    if reader.finder.is_exhausted() {
        let problem = "read the files of packages: their directories are nested too deeply to read all of them";
        reader.problems.push(problem);
    }
    let mut problems = reader.problems.into_sentences("packages");
    let (packages, left_out) = reader.found.finish(&merged.rootfs, &mut reader.finder);
    problems.extend(left_out);
    let mut unread = reader.unread;
    let known = UNREAD
        .iter()
        .filter(|(path, _)| merged.rootfs.lookup(&(*path).into()).is_some())
        .map(|(path, reason)| UnreadDatabase {
            path: (*path).into(),
            reason: (*reason).into(),
        });
    unread.extend(known);
    ReadPackages {
        owners: Owners::new(&packages),
        packages,
        unread,
        problems,
    }
}

impl ReadPackages {
    /// The part of the report.
    pub(crate) fn model(&self, merged: &Merged) -> Packages {
        let unowned = || {
            merged
                .first_files()
                .filter(|file| !self.owners.owns(file.node))
        };
        Packages {
            packages: self
                .packages
                .iter()
                .map(|package| package.info.clone())
                .collect(),
            unread: self.unread.clone(),
            unowned_files: unowned().count() as u64,
            unowned_size: unowned().fold(0, |sum: u64, file| sum.saturating_add(file.content.size)),
        }
    }
}
