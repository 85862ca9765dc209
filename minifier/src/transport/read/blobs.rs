//! [`FileBlobs`]: blobs that are ranges of open files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use crate::image::{Descriptor, Digest};
use crate::rootfs::FileRange;
use crate::transport::error::TransportError;
use crate::transport::stored::BlobStore;

/// A range of a file that may hold several blobs.
pub(crate) type SharedRange = FileRange<Arc<File>>;

/// Blobs in open files, before those of `others`.
#[derive(Default)]
pub(crate) struct FileBlobs {
    pub(crate) ranges: BTreeMap<Digest, SharedRange>,
    /// Files that hold exactly one blob, see [`BlobStore::unnamed`].
    pub(crate) unnamed: BTreeMap<Digest, File>,
    pub(crate) documents: BTreeMap<Digest, Vec<u8>>,
    pub(crate) others: Option<Arc<dyn BlobStore>>,
}

impl BlobStore for FileBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        if let Some(range) = self.ranges.get(&blob.digest) {
            return Ok(Box::new(range.clone()));
        }
        if let Some(document) = self.documents.get(&blob.digest) {
            return Ok(Box::new(&document[..]));
        }
        match &self.others {
            Some(others) => others.open(blob),
            None => Err(TransportError::Io {
                doing: format!("open blob {}", blob.digest),
                source: io::ErrorKind::NotFound.into(),
            }),
        }
    }

    fn range(&self, blob: &Descriptor) -> Option<FileRange<File>> {
        match (self.ranges.get(&blob.digest), &self.others) {
            (Some(range), _) => Some(FileRange {
                file: range.file.try_clone().ok()?,
                at: range.at,
                len: range.len,
            }),
            (None, Some(others)) => others.range(blob),
            (None, None) => None,
        }
    }

    fn unnamed(&self, blob: &Descriptor) -> Option<&File> {
        self.unnamed.get(&blob.digest)
    }

    fn repository(&self) -> Option<(&str, &str)> {
        self.others.as_ref().and_then(|others| others.repository())
    }
}
