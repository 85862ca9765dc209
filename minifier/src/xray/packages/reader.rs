//! [`PackageReader`]: what the reader of each kind of package takes and adds to.

use super::found::FoundPackages;
use crate::analyze::{Finder, PackageMetadata};
use crate::rootfs::{ImagePath, NodeId};
use crate::xray::merged::{Merged, VisibleFile};
use crate::xray::model::{DistributionInfo, UnreadDatabase};
use crate::xray::problems::Problems;
use crate::xray::scan::{Extra, Scan};
use crate::xray::store::KeptDocuments;

/// The image as the readers see it, and the packages that they have found.
pub(crate) struct PackageReader<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) merged: &'a Merged,
    pub(crate) finder: Finder<'a>,
    pub(crate) distribution: Option<&'a DistributionInfo>,
    pub(crate) found: FoundPackages,
    pub(crate) unread: Vec<UnreadDatabase>,
    pub(crate) problems: Problems,
}

impl<'a> PackageReader<'a> {
    /// Contents and findings that were kept of a file.
    pub(crate) fn extra(&self, node: NodeId) -> Option<&'a Extra> {
        self.documents().extra(node)
    }

    /// Whether the content of a file was looked at.
    pub(crate) fn is_scanned(&self, node: NodeId) -> bool {
        let content = self.merged.rootfs.node(node).content();
        content.is_some_and(|content| self.scan.facts(content).is_some())
    }

    /// The metadata of a package, if the file is one that has them.
    pub(crate) fn metadata(&self, node: NodeId) -> Option<&'a PackageMetadata> {
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

    /// The lowest layer that has a visible file.
    pub(crate) fn first_layer(&self, path: &ImagePath, node: NodeId) -> usize {
        let content = self.merged.rootfs.node(node).content();
        let own = content.map(|content| content.layer as usize);
        // A path can be new although its content is old: another name of a file of a lower layer.
        self.lowest_layer(path).or(own).unwrap_or_default()
    }

    /// The checksum of a whole file, as [`PackageInfo::checksums`](crate::xray::model::PackageInfo::checksums) has it.
    pub(crate) fn checksum(&self, node: NodeId) -> Option<String> {
        let content = self.merged.rootfs.node(node).content()?;
        let sha256 = self.scan.facts(content)?.sha256?;
        Some(format!("sha256:{}", hex::encode(sha256)))
    }

    /// Contents that were kept, for the readers that `plan` uses too.
    pub(crate) fn documents(&self) -> KeptDocuments<'a> {
        KeptDocuments {
            scan: self.scan,
            rootfs: &self.merged.rootfs,
        }
    }

    /// The paths of visible files, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&'a ImagePath, NodeId)> + Clone + use<'a> {
        self.files().iter().map(|file| (&file.path, file.node))
    }

    /// Files that the merged tree shows.
    pub(crate) fn files(&self) -> &'a [VisibleFile] {
        &self.merged.files
    }
}
