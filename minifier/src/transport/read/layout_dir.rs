//! [`LayoutDir`]: an OCI layout in a folder. Whatever its documents say, only its own blobs are opened: their names are
//! made from digests, and looked up without following links.
//!
//! Source: OCI image spec, `image-layout.md`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::image::{Descriptor, MAX_DOCUMENT};
use crate::rootfs::{FileRange, ImagePath};
use crate::transport::error::TransportError;
use crate::transport::select::{ImageDocuments, LayoutError, blob_path, display};
use crate::transport::stored::BlobStore;

/// A folder with an OCI layout.
pub(crate) struct LayoutDir {
    dir: OwnedFd,
}

impl LayoutDir {
    /// Opens the folder, without looking at its contents.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            dir: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    /// The layout in an open folder.
    pub(crate) fn new(dir: OwnedFd) -> Self {
        Self { dir }
    }

    /// Opens one of its files; `None` if it does not exist, or if no layout has a file of that name.
    pub(crate) fn file(&self, path: &ImagePath) -> io::Result<Option<File>> {
        let Ok(name) = std::str::from_utf8(path.relative()) else {
            return Ok(None);
        };
        let is_blob = name
            .strip_prefix("blobs/sha256/")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        // `manifest.json` can name a config or layer by any path; a layout in a folder has no other files than these.
        if !is_blob && !matches!(name, "index.json" | "oci-layout") {
            return Ok(None);
        }
        // NONBLOCK, so that a pipe in its place does not hang the reader.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let file: File = loop {
            match rustix::fs::openat2(&self.dir, name, flags, Mode::empty(), resolve) {
                Ok(file) => break file.into(),
                Err(Errno::NOENT) => return Ok(None),
                // openat2(2): a rename elsewhere on the path at the same time, with RESOLVE_BENEATH.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::LOOP) => {
                    return Err(io::Error::other("it is, or lies behind, a symbolic link"));
                }
                Err(e) => return Err(e.into()),
            }
        };
        if file.metadata()?.is_file() {
            Ok(Some(file))
        } else {
            Err(io::Error::other("it is not a regular file"))
        }
    }
}

impl ImageDocuments for LayoutDir {
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError> {
        let read_error = |source| LayoutError::Read {
            member: display(path),
            source,
        };
        let Some(file) = self.file(path).map_err(read_error)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        (&file)
            // Not by the length of `metadata`: the file can grow meanwhile.
            .take(MAX_DOCUMENT + 1)
            .read_to_end(&mut bytes)
            .map_err(read_error)?;
        if bytes.len() as u64 > MAX_DOCUMENT {
            return Err(LayoutError::TooLong {
                member: display(path),
                size: file.metadata().map_err(read_error)?.len(),
                limit: MAX_DOCUMENT,
            });
        }
        Ok(Some(Cow::Owned(bytes)))
    }
}

impl BlobStore for LayoutDir {
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send + '_>, TransportError> {
        let io_error = |source| TransportError::Io {
            doing: format!("open blob {} of the OCI layout", blob.digest),
            source,
        };
        match self.file(&blob_path(blob.digest)).map_err(io_error)? {
            Some(file) => Ok(Box::new(file)),
            None => Err(io_error(io::ErrorKind::NotFound.into())),
        }
    }

    fn range(&self, blob: &Descriptor) -> Option<FileRange<File>> {
        let file = self.file(&blob_path(blob.digest)).ok()??;
        let len = file.metadata().ok()?.len();
        Some(FileRange { file, at: 0, len })
    }
}
