//! [`SpoolStore`]: contents of files from the spooled layers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use crate::rootfs::tar::{SparseMap, SparseReader};
use crate::rootfs::{ContentRef, ContentStore, FileRange, read_after};

/// The spooled tar of a layer.
#[derive(Debug)]
pub(crate) struct SpooledTar {
    pub(crate) file: File,
    pub(crate) sparse: BTreeMap<u64, SparseMap>,
}

/// Reads contents from spooled layers. `at` of a [`ContentRef`] is an offset in the layer's tar.
#[derive(Debug, Default)]
pub(crate) struct SpoolStore {
    /// The spooled layers; one that the image has twice is here once.
    pub(crate) tars: Vec<SpooledTar>,
    /// For each layer of the image, its index in `tars`.
    pub(crate) layers: Vec<usize>,
}

impl ContentStore for SpoolStore {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        let tar = self.tar(content)?;
        let range = |size| FileRange {
            file: &tar.file,
            at: content.at,
            len: size,
        };
        Ok(match tar.sparse.get(&content.at) {
            Some(map) => Box::new(SparseReader::new(map, range(map.stored()))),
            None => Box::new(range(content.size)),
        })
    }

    fn read_range(&self, content: ContentRef, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let tar = self.tar(content)?;
        // Holes are not stored, so an offset in the file is not one in the tar.
        if tar.sparse.contains_key(&content.at) {
            return read_after(self.open(content)?, offset, limit);
        }
        let range = FileRange {
            file: &tar.file,
            at: content.at.saturating_add(offset),
            len: content.size.saturating_sub(offset),
        };
        read_after(range, 0, limit)
    }
}

impl SpoolStore {
    fn tar(&self, content: ContentRef) -> io::Result<&SpooledTar> {
        self.layers
            .get(content.layer as usize)
            .and_then(|&i| self.tars.get(i))
            .ok_or_else(|| io::Error::other(format!("the image has no layer {}", content.layer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_reading_from_the_start_gives() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"before0123456789after").unwrap();
        let store = SpoolStore {
            tars: vec![SpooledTar {
                file,
                sparse: BTreeMap::new(),
            }],
            layers: vec![0],
        };
        let content = ContentRef {
            layer: 0,
            at: 6,
            size: 10,
        };
        for (offset, limit) in [(0, 10), (3, 4), (8, 9), (10, 1), (u64::MAX, 1), (2, 0)] {
            let range = store.read_range(content, offset, limit).unwrap();
            let whole = store.open(content).unwrap();
            let expected = read_after(whole, offset, limit).unwrap();
            assert_eq!(range, expected, "{offset} {limit}");
        }
    }
}
