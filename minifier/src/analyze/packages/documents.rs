//! [`PackageDocuments`]: the contents of package databases and metadata files, for readers that need not know whether these
//! come from an image or from what a scan has kept of one.

use std::borrow::Cow;

use super::metadata::{PackageMetadata, package_json, python_metadata};
use super::rpm::{MAX_RPM_DATABASE, RpmDatabase, rpm_database};
use super::zipped::{egg_metadata, yarn_metadata};
use crate::analyze::{Files, ReadError};
use crate::rootfs::{ImagePath, NodeId, RootFs};

/// Largest lists and other small texts, bytes.
pub(crate) const MAX_DOCUMENT: u64 = 1 << 20;
/// Largest list of one package's files.
pub(crate) const MAX_LIST: u64 = 16 << 20;
/// Largest database that is a text.
pub(crate) const MAX_DATABASE: u64 = 64 << 20;
/// Largest metadata file of a package.
pub(crate) const MAX_METADATA: u64 = 2 << 20;
/// Largest package that is installed as a zip.
pub(crate) const MAX_ZIPPED: u64 = 64 << 20;

/// The form of a metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataForm {
    /// Python's `METADATA` or `PKG-INFO`.
    Python,
    /// A Python distribution in a zip.
    Egg,
    /// npm's `package.json`.
    Npm,
    /// An npm package in a zip of Yarn's cache.
    Yarn,
}

/// The content of a file.
pub(crate) type DocumentBytes<'a> = Cow<'a, [u8]>;

/// Gives contents by node; `path` is for messages.
pub(crate) trait PackageDocuments {
    /// Why a content that the image has cannot be given.
    type Error;

    /// The content of a regular file; `None` for anything else, and if it has more than `limit` bytes.
    fn document(
        &self,
        path: &ImagePath,
        node: NodeId,
        limit: u64,
    ) -> Result<Option<DocumentBytes<'_>>, Self::Error>;

    /// The fields of a metadata file of this form; `None` if it names no package.
    fn metadata(
        &self,
        path: &ImagePath,
        node: NodeId,
        form: MetadataForm,
    ) -> Result<Option<Cow<'_, PackageMetadata>>, Self::Error>;

    /// The packages of an rpm database, or why it cannot be read; `None` if it is no file, or larger than is read.
    fn rpm(&self, path: &ImagePath, node: NodeId) -> Result<Option<RpmRead<'_>>, Self::Error>;
}

/// A database of rpm, or why it cannot be read.
pub(crate) type RpmRead<'a> = Result<Cow<'a, RpmDatabase>, String>;

/// The content of the file that `path` leads to, and its node.
pub(crate) fn document_at<'d, D: PackageDocuments>(
    rootfs: &RootFs,
    documents: &'d D,
    path: &ImagePath,
    limit: u64,
) -> Result<Option<(NodeId, DocumentBytes<'d>)>, D::Error> {
    let resolution = rootfs.resolve(&ImagePath::root(), path.as_bytes(), true);
    let Some((path, node)) = resolution.found() else {
        return Ok(None);
    };
    let content = documents.document(path, node, limit)?;
    Ok(content.map(|content| (node, content)))
}

impl PackageDocuments for Files<'_> {
    type Error = ReadError;

    fn document(
        &self,
        path: &ImagePath,
        node: NodeId,
        limit: u64,
    ) -> Result<Option<DocumentBytes<'_>>, ReadError> {
        if self.rootfs.node(node).size() > limit {
            return Ok(None);
        }
        Ok(self.read_node(path, node, limit)?.map(Cow::Owned))
    }

    fn metadata(
        &self,
        path: &ImagePath,
        node: NodeId,
        form: MetadataForm,
    ) -> Result<Option<Cow<'_, PackageMetadata>>, ReadError> {
        let limit = match form {
            MetadataForm::Python | MetadataForm::Npm => MAX_METADATA,
            MetadataForm::Egg | MetadataForm::Yarn => MAX_ZIPPED,
        };
        let Some(bytes) = self.document(path, node, limit)? else {
            return Ok(None);
        };
        let bytes: &[u8] = &bytes;
        // Zips that cannot be parsed name no package, as other metadata files.
        let metadata = match form {
            MetadataForm::Python => python_metadata(bytes),
            MetadataForm::Npm => package_json(bytes),
            MetadataForm::Egg => egg_metadata(&bytes).unwrap_or_default(),
            MetadataForm::Yarn => yarn_metadata(&bytes).unwrap_or_default(),
        };
        Ok(metadata.map(Cow::Owned))
    }

    fn rpm(&self, path: &ImagePath, node: NodeId) -> Result<Option<RpmRead<'_>>, ReadError> {
        let bytes = self.document(path, node, MAX_RPM_DATABASE)?;
        Ok(bytes.map(|bytes| {
            let database = rpm_database(&bytes).map_err(|e| e.to_string())?;
            Ok(Cow::Owned(database))
        }))
    }
}
