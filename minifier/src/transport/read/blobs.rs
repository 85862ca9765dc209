//! [`FileBlobs`]: blobs that are ranges of open files, whatever holds the rest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::image::{Descriptor, Digest};
use crate::transport::error::TransportError;
use crate::transport::stored::{BlobRange, BlobStore};

/// A range of an open file.
#[derive(Debug, Clone)]
pub(in crate::transport) struct FileRange {
    pub(in crate::transport) file: Arc<File>,
    pub(in crate::transport) at: u64,
    pub(in crate::transport) len: u64,
}

impl FileRange {
    /// Reads it from its start.
    pub(in crate::transport) fn reader(&self) -> RangeReader {
        RangeReader {
            range: self.clone(),
        }
    }
}

/// Reads a range; fails where the file ends before it does. Shares the file with other readers.
pub(in crate::transport) struct RangeReader {
    range: FileRange,
}

impl Read for RangeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.range.len;
        let want = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = self.range.file.read_at(&mut buf[..want], self.range.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.range.at += n as u64;
        self.range.len -= n as u64;
        Ok(n)
    }
}

/// Blobs in open files; what is in none of them comes from `others`.
#[derive(Default)]
pub(in crate::transport) struct FileBlobs {
    pub(in crate::transport) ranges: BTreeMap<Digest, FileRange>,
    /// Files that hold just one blob, see [`BlobStore::unnamed`].
    pub(in crate::transport) unnamed: BTreeMap<Digest, File>,
    pub(in crate::transport) documents: BTreeMap<Digest, Vec<u8>>,
    pub(in crate::transport) others: Option<Arc<dyn BlobStore>>,
}

impl BlobStore for FileBlobs {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        if let Some(range) = self.ranges.get(&blob.digest) {
            return Ok(Box::new(range.reader()));
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

    fn range(&self, blob: &Descriptor) -> Option<BlobRange> {
        match (self.ranges.get(&blob.digest), &self.others) {
            (Some(range), _) => Some(BlobRange {
                file: range.file.try_clone().ok()?,
                offset: range.at,
                size: range.len,
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
