//! [`write_layout`]: an image into an OCI layout in a folder, beside what is there.
//!
//! Every file is written under another name, synced and renamed; `index.json` comes last, so that a tag never points
//! to an image that is not complete. The folder is locked against other writers of this program. After an error or a
//! cancellation the new blobs are removed again; what a killed writer left is removed by the next one.
//!
//! Source: OCI image spec, `image-layout.md`.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde_json::Value;

use super::folder::{MadeDirs, lock, make_dirs, open_dir};
use super::oci::{LAYOUT, LayoutName, descriptors, index, merge, oci_manifest};
use super::temporary::{TEMPORARY, Temporary};
use crate::image::{Descriptor, Digest, HashingReader};
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::read::LayoutDir;
use crate::transport::select::{ImageDocuments, LayoutError, blob_path};
use crate::transport::stored::StoredImage;

/// How much is copied at a time.
const CHUNK: usize = 256 << 10;

/// The image in the layout.
pub(crate) struct LayoutInfo {
    pub(crate) manifest: Digest,
    /// Number of bytes that were written.
    pub(crate) bytes: u64,
    /// Number of layers that were there already.
    pub(crate) reused: usize,
}

/// Writes the image into the layout in `dir`, which is made if there is none. Blocks.
pub(crate) fn write_layout(
    stored: &StoredImage,
    dir: &Path,
    names: &[LayoutName],
    location: &str,
    control: &Control,
) -> Result<LayoutInfo, TransportError> {
    let mut layout = LayoutWriter::open(dir, location, control)?;
    // Readers of layouts may know OCI's media types only; the blobs are the same in both (OCI spec, `media-types.md`,
    // compatibility matrix).
    let manifest = oci_manifest(&stored.manifest);
    let mut reused = 0;
    let config = stored.config.to_bytes();
    for layer in manifest.layers() {
        reused += usize::from(layout.layer(stored, layer)?);
    }
    layout.document(manifest.config().digest, &config)?;
    layout.document(manifest.digest(), manifest.bytes())?;
    let descriptors = descriptors(&manifest, &stored.config.platform(), names);
    layout.finish(descriptors)?;
    Ok(LayoutInfo {
        manifest: manifest.digest(),
        bytes: layout.bytes,
        reused,
    })
}

/// A layout that is being written to.
struct LayoutWriter<'a> {
    dir: OwnedFd,
    blobs: OwnedFd,
    reader: LayoutDir,
    location: &'a str,
    control: &'a Control,
    bytes: u64,
    /// Blobs of this writer, removed if it does not finish.
    added: Vec<String>,
    /// Folders of this writer, outermost first.
    made: Vec<PathBuf>,
    finished: bool,
}

impl<'a> LayoutWriter<'a> {
    fn open(path: &Path, location: &'a str, control: &'a Control) -> Result<Self, TransportError> {
        let error = |source| TransportError::Write {
            location: location.to_owned(),
            source,
        };
        let made = make_dirs(path).map_err(error)?;
        // Folders that were created are removed again if the rest fails.
        let made = MadeDirs(made);
        // All further names are relative to this descriptor: a folder that is renamed or replaced meanwhile changes
        // nothing.
        let dir = open_dir(rustix::fs::CWD, path, OFlags::empty()).map_err(error)?;
        lock(&dir, control).map_err(error)?;
        // Looked at under the lock, so that two first writers do not both find an empty folder.
        if !is_layout(&dir, path).map_err(error)? {
            return Err(error(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the folder contains other files and no OCI layout",
            )));
        }
        sweep(&dir, path).map_err(error)?;
        let make = |parent: &OwnedFd, name: &str| -> io::Result<OwnedFd> {
            match rustix::fs::mkdirat(parent, name, Mode::from(0o777)) {
                // A link in its place would lead elsewhere.
                Ok(()) | Err(Errno::EXIST) => open_dir(parent, Path::new(name), OFlags::NOFOLLOW),
                Err(e) => Err(e.into()),
            }
        };
        let blobs = make(&dir, "blobs")
            .and_then(|blobs| make(&blobs, "sha256"))
            .map_err(error)?;
        let reader = dir.try_clone().map(LayoutDir::new).map_err(error)?;
        Ok(Self {
            dir,
            blobs,
            reader,
            location,
            control,
            bytes: 0,
            added: Vec::new(),
            made: made.keep(),
            finished: false,
        })
    }

    fn error(&self, source: io::Error) -> TransportError {
        TransportError::Write {
            location: self.location.to_owned(),
            source,
        }
    }

    /// Whether the blob is there with these bytes. A length alone is no proof: a full disk or a crash can leave zeros.
    fn has(&self, digest: Digest, size: u64) -> io::Result<bool> {
        // A link, a pipe or a folder in its place is replaced, not followed.
        let Ok(Some(file)) = self.reader.file(&blob_path(digest)) else {
            return Ok(false);
        };
        if file.metadata()?.len() != size {
            return Ok(false);
        }
        let mut reader = HashingReader::new(file);
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => self.control.advance(n as u64)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // A blob that cannot be read (a bad sector) is written again.
                Err(_) => return Ok(false),
            }
        }
        let (hash, read) = reader.finish();
        Ok((Digest::from_bytes(hash), read) == (digest, size))
    }

    /// Writes a layer; returns whether it was there already.
    fn layer(&mut self, stored: &StoredImage, layer: &Descriptor) -> Result<bool, TransportError> {
        if self
            .has(layer.digest, layer.size)
            .map_err(|e| self.error(e))?
        {
            return Ok(true);
        }
        // A layer that was just compressed into an unnamed file only needs a name: no second copy of gigabytes.
        if let Some(file) = stored.blobs.unnamed(layer)
            && let Some(linked) = Temporary::link(&self.dir, file).map_err(|e| self.error(e))?
        {
            self.control
                .advance(layer.size)
                .map_err(|e| self.error(e))?;
            self.bytes += layer.size;
            self.put_blob(linked, layer.digest)?;
            return Ok(false);
        }
        let mut reader = stored.open(layer)?;
        let mut temporary = Temporary::new(&self.dir).map_err(|e| self.error(e))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => {
                    self.control
                        .advance(n as u64)
                        .and_then(|()| temporary.file.write_all(&chunk[..n]))
                        .map_err(|e| self.error(e))?;
                    self.bytes += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(stored.layer_error(layer, e)),
            }
        }
        self.put_blob(temporary, layer.digest)?;
        Ok(false)
    }

    fn document(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), TransportError> {
        if self
            .has(digest, bytes.len() as u64)
            .map_err(|e| self.error(e))?
        {
            return Ok(());
        }
        let mut temporary = Temporary::new(&self.dir).map_err(|e| self.error(e))?;
        let written = temporary.file.write_all(bytes);
        written.map_err(|e| self.error(e))?;
        self.bytes += bytes.len() as u64;
        self.put_blob(temporary, digest)
    }

    fn put_blob(&mut self, temporary: Temporary, digest: Digest) -> Result<(), TransportError> {
        let name = digest.to_hex();
        let put = temporary.put(&self.blobs, &name);
        put.map_err(|e| self.error(e))?;
        self.added.push(name);
        Ok(())
    }

    /// Makes the image part of the layout.
    fn finish(&mut self, new: Vec<Value>) -> Result<(), TransportError> {
        let read_error = |source| TransportError::Layout {
            location: self.location.to_owned(),
            source: Box::new(source),
        };
        // Read only now: other writers are locked out, and the blobs took a long time.
        let old = self.reader.document(&"index.json".into());
        let merged = match old.map_err(read_error)? {
            None => index(&new),
            Some(bytes) => {
                // As JSON and not as our own type, so that fields of other tools survive.
                let mut merged: Value = serde_json::from_slice(&bytes).map_err(|source| {
                    read_error(LayoutError::Json {
                        member: "index.json".into(),
                        source,
                    })
                })?;
                merge(&mut merged, new)
                    .map_err(|what| self.error(io::Error::other(format!("index.json: {what}"))))?;
                merged
            }
        };
        let merged = merged.to_string().into_bytes();
        // The last moment to stop: from here on the image is part of the layout.
        self.control.advance(0).map_err(|e| self.error(e))?;
        self.put_files(&merged).map_err(|e| self.error(e))?;
        self.finished = true;
        // The names are durable only when the folder is.
        let synced = rustix::fs::fsync(&self.dir);
        synced.map_err(|e| self.error(e.into()))
    }

    fn put_files(&self, index: &[u8]) -> io::Result<()> {
        // The names of the blobs reach the disk before the index that refers to them.
        rustix::fs::fsync(&self.blobs)?;
        let put = |name: &str, bytes: &[u8]| {
            let mut temporary = Temporary::new(&self.dir)?;
            temporary.file.write_all(bytes)?;
            temporary.put(&self.dir, name)
        };
        put("oci-layout", LAYOUT)?;
        put("index.json", index)
    }
}

impl Drop for LayoutWriter<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // As far as possible: the error that led here is the one that is reported.
        for name in &self.added {
            let _ = rustix::fs::unlinkat(&self.blobs, name, AtFlags::empty());
        }
        if !self.made.is_empty() {
            let _ = rustix::fs::unlinkat(&self.dir, "blobs/sha256", AtFlags::REMOVEDIR);
            let _ = rustix::fs::unlinkat(&self.dir, "blobs", AtFlags::REMOVEDIR);
            let _ = rustix::fs::unlinkat(&self.dir, "oci-layout", AtFlags::empty());
            drop(MadeDirs(std::mem::take(&mut self.made)));
        }
    }
}

/// Whether the folder is a layout, or holds nothing else than the beginning of one.
fn is_layout(dir: &OwnedFd, path: &Path) -> io::Result<bool> {
    match rustix::fs::statat(dir, "oci-layout", AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(true),
        Err(Errno::NOENT) => {}
        Err(e) => return Err(e.into()),
    }
    // A writer that was killed before its first `oci-layout` leaves blobs only; the next one may go on there.
    let mut others = std::fs::read_dir(path)?.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        let own = name == "blobs" || name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
        (!own).then_some(())
    });
    Ok(others.next().is_none())
}

/// Removes temporary files of killed writers. The caller holds the lock, so no writer is using them.
fn sweep(dir: &OwnedFd, path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            match rustix::fs::unlinkat(dir, &name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}
