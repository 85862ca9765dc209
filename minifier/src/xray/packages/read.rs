//! [`read`]: all databases and metadata files of an image.

use super::found::{Found, Owners, PackageFiles};
use super::{apk, compiled, dpkg, gems, java, npm, python, rpm};
use crate::analyze::{Finder, Metadata};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::merged::{Merged, VisibleFile};
use crate::xray::model::{DistributionInfo, Packages, UnreadDatabase};
use crate::xray::problems::Problems;
use crate::xray::scan::{Extra, Scan};
use crate::xray::store::KeptDocuments;

/// Where the databases of package managers are that are not read.
const UNREAD: &[(&str, &str)] = &[
    ("/var/lib/pacman/local", "pacman databases are not read yet"),
    ("/var/lib/opkg/status", "opkg databases are not read yet"),
    ("/usr/lib/opkg/status", "opkg databases are not read yet"),
    ("/var/db/pkg", "Portage databases are not read yet"),
];

/// What was read.
pub(crate) struct Read {
    pub(crate) packages: Vec<PackageFiles>,
    pub(crate) owners: Owners,
    pub(crate) unread: Vec<UnreadDatabase>,
    pub(crate) problems: Vec<String>,
}

/// What the readers of databases see, and what they find.
pub(crate) struct Reader<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) finder: Finder<'a>,
    pub(crate) distribution: Option<&'a DistributionInfo>,
    pub(crate) found: Found,
    pub(crate) unread: Vec<UnreadDatabase>,
    pub(crate) problems: Problems,
}

impl<'a> Reader<'a> {
    /// What was kept of a file, by its node.
    pub(crate) fn extra(&self, node: NodeId) -> Option<&'a Extra> {
        self.documents().extra(node)
    }

    /// Whether the content of a file was looked at.
    pub(crate) fn is_scanned(&self, node: NodeId) -> bool {
        let content = self.merged.rootfs.node(node).content();
        content.is_some_and(|content| self.scan.facts(content).is_some())
    }

    /// What the package at a file's place says of itself.
    pub(crate) fn metadata(&self, node: NodeId) -> Option<&'a Metadata> {
        self.extra(node)?.metadata.as_ref()
    }

    /// The kept content of the file that a path leads to.
    pub(crate) fn document(&self, path: &ImagePath) -> Option<&'a [u8]> {
        let resolution = self
            .merged
            .rootfs
            .resolve(&ImagePath::root(), path.as_bytes(), true);
        self.extra(resolution.found()?.1)?.document.as_deref()
    }

    /// The kept contents that each layer has at exactly this path, lowest first.
    pub(crate) fn documents_of_layers(&self, path: &ImagePath) -> Vec<(usize, &'a [u8])> {
        let bodies = self.merged.bodies_at(path).iter();
        bodies
            .filter_map(|body| {
                let extra = self.scan.extra(body.content)?;
                Some((body.content.layer as usize, extra.document.as_deref()?))
            })
            .collect()
    }

    /// The lowest layer that has a file at this path.
    pub(crate) fn lowest_layer(&self, path: &ImagePath) -> Option<usize> {
        let body = self.merged.bodies_at(path).first()?;
        Some(body.content.layer as usize)
    }

    /// The layer in which a file that is to be seen first appeared.
    pub(crate) fn first_layer(&self, path: &ImagePath, node: NodeId) -> usize {
        let content = self.merged.rootfs.node(node).content();
        let own = content.map(|content| content.layer as usize);
        self.lowest_layer(path).or(own).unwrap_or_default()
    }

    /// The checksum of a whole file, as [`PackageInfo::checksums`](crate::xray::model::PackageInfo::checksums) has it.
    pub(crate) fn checksum(&self, node: NodeId) -> Option<String> {
        let content = self.merged.rootfs.node(node).content()?;
        let sha256 = self.scan.facts(content)?.sha256?;
        Some(format!("sha256:{}", hex::encode(sha256)))
    }

    /// What was kept, for the readers that `plan` has too.
    pub(crate) fn documents(&self) -> KeptDocuments<'a> {
        KeptDocuments {
            scan: self.scan,
            rootfs: &self.merged.rootfs,
        }
    }

    /// The paths of files that are to be seen, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&'a ImagePath, NodeId)> + Clone + use<'a> {
        self.files().iter().map(|file| (&file.path, file.node))
    }

    /// Files that are to be seen.
    pub(crate) fn files(&self) -> &'a [VisibleFile] {
        &self.merged.files
    }
}

/// Reads all packages.
pub(crate) fn read(scan: &Scan, merged: &Merged, distribution: Option<&DistributionInfo>) -> Read {
    let mut reader = Reader {
        scan,
        merged,
        finder: Finder::new(&merged.rootfs),
        distribution,
        found: Found::new(scan.budget.clone()),
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
    if reader.finder.is_exhausted() {
        let problem = "read the files of packages: their directories lie in each other more often than is looked at";
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
    Read {
        owners: Owners::new(&packages),
        packages,
        unread,
        problems,
    }
}

impl Read {
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
