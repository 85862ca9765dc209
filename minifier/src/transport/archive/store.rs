//! [`SpoolStore`]: contents of files out of the spooled layers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::rootfs::tar::{SparseMap, SparseReader};
use crate::rootfs::{ContentRef, ContentStore};

/// The spooled tar of a layer.
#[derive(Debug)]
pub(super) struct SpooledTar {
    pub(super) file: File,
    pub(super) sparse: BTreeMap<u64, SparseMap>,
}

/// Reads contents from spooled layers. `at` of a [`ContentRef`] is an offset in the layer's tar.
#[derive(Debug)]
pub(super) struct SpoolStore {
    /// Spools; a layer that an image has twice is one of them.
    pub(super) tars: Vec<SpooledTar>,
    /// For each layer of the image its place in `tars`.
    pub(super) layers: Vec<usize>,
}

impl ContentStore for SpoolStore {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        let tar = self
            .layers
            .get(content.layer as usize)
            .and_then(|&i| self.tars.get(i))
            .ok_or_else(|| io::Error::other(format!("the image has no layer {}", content.layer)))?;
        let range = |size| FileRange {
            file: &tar.file,
            at: content.at,
            left: size,
        };
        Ok(match tar.sparse.get(&content.at) {
            Some(map) => Box::new(SparseReader::new(map, range(map.stored()))),
            None => Box::new(range(content.size)),
        })
    }
}

struct FileRange<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for FileRange<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = self.file.read_at(&mut buf[..want], self.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
