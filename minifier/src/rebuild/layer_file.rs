//! Writes one layer as an uncompressed tar into the scratch folder, hashing on the way.
//!
//! Takes a selection of entries and the store of the original bytes; memory does not depend on the size of files.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::model::{RebuildError, RebuildProgress, RebuildWatch};
use super::select::{Selected, Selection};
use crate::image::{DiffId, LayerFile, Sha256};
use crate::plan::Totals;
use crate::rootfs::tar::{BLOCK, EntryShape, encode_header};
use crate::rootfs::{ContentRef, ContentStore, ImagePath, Mtime, NodeKind, RootFs};

/// Bytes that are read, hashed and written at a time.
const CHUNK: usize = 128 * 1024;

/// Writes the layers of one rebuild.
pub(crate) struct LayerWriter<'a> {
    pub rootfs: &'a RootFs,
    pub content: &'a dyn ContentStore,
    pub scratch: &'a Path,
    /// No time in the result is later.
    pub latest: Option<i64>,
    pub watch: RebuildWatch<'a>,
    pub progress: RebuildProgress,
}

/// A file that hashes and counts what is written to it.
struct HashingFile {
    file: tempfile::NamedTempFile,
    hash: Sha256,
    written: u64,
}

impl Write for HashingFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.hash.update(&buf[..n]);
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl LayerWriter<'_> {
    /// Writes the layer. The file is named by its hash, so that rebuilds can share a scratch folder; when this
    /// fails nothing of the layer is left.
    pub(crate) fn write(
        &mut self,
        selection: &Selection,
    ) -> Result<(LayerFile, Totals), RebuildError> {
        let file = tempfile::NamedTempFile::with_prefix_in("layer-", self.scratch)
            .map_err(|e| self.write_error(e))?;
        let file = HashingFile {
            file,
            hash: Sha256::default(),
            written: 0,
        };
        let mut out = BufWriter::with_capacity(2 * CHUNK, file);
        let mut totals = Totals::default();
        for entry in &selection.entries {
            self.entry(&mut out, entry, &mut totals)?;
        }
        // Two blocks of zeros end a tar. No padding to 10,240 bytes: that is for tapes, and every byte counts in the
        // digest.
        let file = out
            .write_all(&[0; 2 * BLOCK])
            .and_then(|()| out.into_inner().map_err(io::IntoInnerError::into_error))
            .map_err(|e| self.write_error(e))?;
        let diff_id = DiffId::from_bytes(file.hash.finish());
        let path = self.scratch.join(format!("{}.tar", diff_id.to_hex()));
        file.file
            .persist(&path)
            .map_err(|e| self.write_error(e.error))?;
        let layer = LayerFile {
            diff_id,
            size: file.written,
            path,
        };
        Ok((layer, totals))
    }

    fn entry(
        &mut self,
        out: &mut impl Write,
        entry: &Selected,
        totals: &mut Totals,
    ) -> Result<(), RebuildError> {
        let path = &entry.path;
        let node = self.rootfs.node(entry.node);
        let shape = match (&entry.link_to, &node.kind) {
            (Some(first), _) => EntryShape::HardLink {
                target: first.relative(),
            },
            (None, NodeKind::Directory { .. }) => EntryShape::Directory,
            (None, NodeKind::File { content }) => EntryShape::File { size: content.size },
            (None, NodeKind::Symlink { target }) => EntryShape::Symlink { target },
            (None, &NodeKind::CharDevice { major, minor }) => {
                EntryShape::CharDevice { major, minor }
            }
            (None, &NodeKind::BlockDevice { major, minor }) => {
                EntryShape::BlockDevice { major, minor }
            }
            (None, NodeKind::Fifo) => EntryShape::Fifo,
        };
        let header = encode_header(
            &tar_name(path, shape),
            shape,
            &node.meta,
            self.clamp(node.meta.mtime),
        )
        .map_err(|source| RebuildError::Header {
            path: path.clone(),
            source,
        })?;
        out.write_all(&header).map_err(|e| self.write_error(e))?;
        if let (EntryShape::File { size }, Some(content)) = (shape, node.content()) {
            self.copy(out, path, content)?;
            totals.bytes += size;
        }
        if !node.is_dir() {
            // Hard links are names of a file that was counted already.
            totals.files += u64::from(entry.link_to.is_none());
            self.progress.files += 1;
        }
        self.report()
    }

    /// Copies exactly the bytes that the layer promised, and pads them to whole blocks.
    fn copy(
        &mut self,
        out: &mut impl Write,
        path: &ImagePath,
        content: ContentRef,
    ) -> Result<(), RebuildError> {
        let store = self.content;
        let read_error = |source| RebuildError::Read {
            path: path.clone(),
            source,
        };
        let length_error = |found| RebuildError::Length {
            path: path.clone(),
            expected: content.size,
            found,
        };
        let mut reader = store.open(content).map_err(read_error)?;
        let mut buffer = vec![0; CHUNK];
        let mut copied = 0;
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(read_error(e)),
            };
            if n as u64 > content.size - copied {
                return Err(length_error(format!("more than {}", content.size)));
            }
            if n == 0 {
                break;
            }
            out.write_all(&buffer[..n])
                .map_err(|e| self.write_error(e))?;
            copied += n as u64;
            self.progress.bytes += n as u64;
            self.report()?;
        }
        if copied < content.size {
            return Err(length_error(copied.to_string()));
        }
        let padding = (BLOCK - (copied % BLOCK as u64) as usize) % BLOCK;
        out.write_all(&[0; BLOCK][..padding])
            .map_err(|e| self.write_error(e))
    }

    fn clamp(&self, time: Mtime) -> Mtime {
        match self.latest {
            Some(secs) => time.min(Mtime { secs, nanos: 0 }),
            None => time,
        }
    }

    fn report(&mut self) -> Result<(), RebuildError> {
        if (self.watch)(self.progress).is_break() {
            return Err(RebuildError::Cancelled);
        }
        Ok(())
    }

    fn write_error(&self, source: io::Error) -> RebuildError {
        RebuildError::Write {
            scratch: self.scratch.to_owned(),
            source,
        }
    }
}

fn tar_name(path: &ImagePath, shape: EntryShape<'_>) -> Vec<u8> {
    let mut name = path.relative().to_vec();
    if name.is_empty() {
        name.push(b'.');
    }
    if shape == EntryShape::Directory {
        name.push(b'/');
    }
    name
}
