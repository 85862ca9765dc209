//! [`StoredImage`]: an image as a transport stores it, with the bytes of its manifest and config, and its blobs on
//! demand. Every transport except the daemon reads into this type and writes from it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::error::TransportError;
use crate::image::{Descriptor, Digest, HashingReader, ImageConfig, Manifest};
use crate::rootfs::FileRange;

/// Provides the blobs of an image as stored. Calls block; several blobs may be open at once.
pub trait BlobStore: Send + Sync {
    /// Opens a blob for reading from its start. [`StoredImage::open`] checks the bytes; this function does not.
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError>;

    /// The registry and repository that the blobs come from, if any. Another repository of the same registry can take
    /// over the blobs, so they need not be sent.
    fn repository(&self) -> Option<(&str, &str)> {
        None
    }

    /// An unnamed file of this program that contains exactly this blob, whose digest was computed while it was written.
    /// If the file can be given a name, it need not be copied.
    fn unnamed(&self, _blob: &Descriptor) -> Option<&File> {
        None
    }

    /// The range of a file that holds the blob as stored, if there is one: for readers that skip most of it. Bytes that
    /// are read there are not checked against the digest.
    fn range(&self, _blob: &Descriptor) -> Option<FileRange<File>> {
        None
    }
}

/// An image as it is stored somewhere.
#[derive(Clone)]
pub struct StoredImage {
    /// The location that it was read from, as the user wrote it.
    pub reference: String,
    /// Its names at that location.
    pub names: Vec<String>,
    /// The manifest: as stored, or a new one (OCI) if the image is stored without one.
    pub manifest: Manifest,
    /// The config, as stored.
    pub config: ImageConfig,
    /// The blobs of the manifest's layers and of its config.
    pub blobs: Arc<dyn BlobStore>,
    /// A sentence for each object that was skipped on the way to the image (other platforms, attestations).
    pub notes: Vec<String>,
}

impl StoredImage {
    /// Opens a layer, config or other blob. If the bytes are not those that the descriptor names, the reader fails at
    /// the end, so it never ends without an error.
    pub fn open(&self, blob: &Descriptor) -> Result<VerifiedReader<'_>, TransportError> {
        Ok(VerifiedReader::new(self.blobs.open(blob)?, blob))
    }
}

impl std::fmt::Debug for StoredImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredImage")
            .field("reference", &self.reference)
            .field("manifest", &self.manifest.digest())
            .finish_non_exhaustive()
    }
}

/// A blob whose bytes do not match its descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlobMismatch {
    /// The bytes have another digest.
    #[error("blob {expected}: its bytes have the digest {found}")]
    Digest {
        /// The digest in the descriptor.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The blob is shorter than its descriptor says.
    #[error("blob {digest}: it has {found} bytes, expected {expected}")]
    Short {
        /// Digest in the descriptor.
        digest: Digest,
        /// Size in the descriptor, in bytes.
        expected: u64,
        /// Actual size, in bytes.
        found: u64,
    },
    /// The blob is longer than its descriptor says.
    #[error("blob {digest}: it has more than the expected {expected} bytes")]
    Long {
        /// Digest in the descriptor.
        digest: Digest,
        /// Size in the descriptor, in bytes.
        expected: u64,
    },
}

/// Reads a blob and compares it with its descriptor. An error of kind `InvalidData` contains a [`BlobMismatch`].
pub struct VerifiedReader<'a> {
    inner: Option<HashingReader<Box<dyn Read + Send + 'a>>>,
    digest: Digest,
    size: u64,
    left: u64,
}

impl<'a> VerifiedReader<'a> {
    /// Reads `inner`, which is expected to hold `blob`.
    pub fn new(inner: Box<dyn Read + Send + 'a>, blob: &Descriptor) -> Self {
        Self {
            inner: Some(HashingReader::new(inner)),
            digest: blob.digest,
            size: blob.size,
            left: blob.size,
        }
    }

    fn mismatch(mismatch: BlobMismatch) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, mismatch)
    }

    /// Compares size and digest at the end.
    fn end(&mut self) -> io::Result<usize> {
        let Some(mut inner) = self.inner.take() else {
            return Ok(0);
        };
        // Before the digest, which would differ too: a download that was cut is the likelier cause, and says so.
        if self.left > 0 {
            return Err(Self::mismatch(BlobMismatch::Short {
                digest: self.digest,
                expected: self.size,
                found: self.size - self.left,
            }));
        }
        // One byte is enough to know; a hostile blob can go on for ever.
        let mut more = [0];
        loop {
            match inner.read(&mut more) {
                Ok(0) => break,
                Ok(_) => {
                    return Err(Self::mismatch(BlobMismatch::Long {
                        digest: self.digest,
                        expected: self.size,
                    }));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let found = Digest::from_bytes(inner.finish().0);
        if found == self.digest {
            Ok(0)
        } else {
            Err(Self::mismatch(BlobMismatch::Digest {
                expected: self.digest,
                found,
            }))
        }
    }
}

impl Read for VerifiedReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let want = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let read = match (&mut self.inner, want) {
            (Some(inner), 1..) => inner.read(&mut buf[..want])?,
            _ => 0,
        };
        if read == 0 {
            return self.end();
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &'static [u8], blob: &[u8]) -> Result<Vec<u8>, String> {
        let blob = Descriptor::new("", Digest::of(blob), blob.len() as u64);
        let mut all = Vec::new();
        VerifiedReader::new(Box::new(bytes), &blob)
            .read_to_end(&mut all)
            .map(|_| all)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_blob_reads_to_its_end_only_if_it_matches_its_descriptor() {
        assert_eq!(read(b"blob", b"blob").unwrap(), b"blob");
        assert_eq!(read(b"", b"").unwrap(), b"");
        assert!(read(b"blub", b"blob").unwrap_err().contains("digest"));
        assert!(read(b"blo", b"blob").unwrap_err().contains("3 bytes"));
        assert!(read(b"blobs", b"blob").unwrap_err().contains("more than"));
        assert!(read(b"x", b"").unwrap_err().contains("more than"));
    }
}
