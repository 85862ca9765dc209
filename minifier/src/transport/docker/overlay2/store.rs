//! [`FolderStore`]: contents of files from the folders of an image's layers, checked as they are read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crc::{CRC_64_GO_ISO, Crc, Table};
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::rootfs::{ContentRef, ContentStore, ImagePath};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_GO_ISO);

/// A file of a layer's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FolderFile {
    /// `at` of its [`ContentRef`].
    pub(crate) at: u64,
    pub(crate) path: ImagePath,
    pub(crate) crc: u64,
}

/// The files with contents of one layer.
#[derive(Debug)]
pub(crate) struct LayerFolder {
    pub(crate) folder: PathBuf,
    pub(crate) dir: OwnedFd,
    /// Ascending by `at`.
    pub(crate) files: Vec<FolderFile>,
}

/// Reads contents from the folders. A file whose size or checksum is not the recorded one fails to open or to read.
#[derive(Debug)]
pub(crate) struct FolderStore {
    /// Lowest first.
    pub(crate) layers: Vec<LayerFolder>,
}

impl ContentStore for FolderStore {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        if content.size == 0 {
            return Ok(Box::new(io::empty()));
        }
        Ok(Box::new(self.reader(content)?))
    }

    /// Seeks. Parts of a file are not checked, since the checksum is one of the whole file.
    fn read_range(&self, content: ContentRef, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let length = content.size.saturating_sub(offset).min(limit);
        let mut range = Vec::new();
        if length > 0 {
            let mut file = self.reader(content)?.file;
            file.seek(SeekFrom::Start(offset))?;
            file.take(length).read_to_end(&mut range)?;
        }
        Ok(range)
    }
}

impl FolderStore {
    fn reader(&self, content: ContentRef) -> io::Result<CheckedReader<'_>> {
        let layer = self
            .layers
            .get(content.layer as usize)
            .ok_or_else(|| io::Error::other(format!("the image has no layer {}", content.layer)))?;
        let file = layer
            .files
            .binary_search_by_key(&content.at, |file| file.at)
            .map(|i| &layer.files[i])
            .map_err(|_| io::Error::other(format!("the layer has no file at {}", content.at)))?;
        layer.open(file, content.size)
    }
}

impl LayerFolder {
    /// Opens a file without following any link and without leaving the folder, whatever the image put into it.
    fn open<'a>(&'a self, stored: &'a FolderFile, size: u64) -> io::Result<CheckedReader<'a>> {
        // NONBLOCK, so that a pipe that has taken the file's place does not hang us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let fd = rustix::fs::openat2(
            &self.dir,
            stored.path.relative(),
            flags,
            Mode::empty(),
            resolve,
        )
        .map_err(|e| self.error(stored, io::Error::from(e)))?;
        let file = File::from(fd);
        let meta = file.metadata().map_err(|e| self.error(stored, e))?;
        // Whoever can write to the daemon's folders may have changed the file since.
        if !meta.is_file() || meta.len() != size {
            let what = format!("expected a file of {size} bytes");
            return Err(self.error(stored, invalid(&what)));
        }
        Ok(CheckedReader {
            layer: self,
            stored,
            file,
            left: size,
            digest: Some(CRC.digest()),
        })
    }

    fn error(&self, stored: &FolderFile, error: io::Error) -> io::Error {
        let folder = self.folder.display();
        io::Error::new(
            error.kind(),
            format!("read {} in {folder}: {error}", stored.path),
        )
    }
}

struct CheckedReader<'a> {
    layer: &'a LayerFolder,
    stored: &'a FolderFile,
    file: File,
    left: u64,
    digest: Option<crc::Digest<'static, u64, Table<16>>>,
}

impl Read for CheckedReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = match self.file.read(&mut buf[..want]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        };
        let n = n.map_err(|e| self.layer.error(self.stored, e))?;
        self.left -= n as u64;
        if let Some(digest) = &mut self.digest {
            digest.update(&buf[..n]);
        }
        // Checked before the last bytes are returned, so that no reader can take the file for complete.
        if self.left == 0
            && let Some(digest) = self.digest.take()
            && digest.finalize() != self.stored.crc
        {
            let what = "its contents changed since the daemon stored the layer";
            return Err(self.layer.error(self.stored, invalid(what)));
        }
        Ok(n)
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_go_calculates() {
        // hash/crc64 of Go with MakeTable(ISO).
        assert_eq!(CRC.checksum(b"123456789"), 0xb909_56c7_75a4_1001);
    }

    #[test]
    fn a_range_is_what_reading_from_the_start_gives() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f"), b"0123456789").unwrap();
        let folder = LayerFolder {
            folder: dir.path().to_owned(),
            dir: File::open(dir.path()).unwrap().into(),
            files: vec![FolderFile {
                at: 7,
                path: "/f".into(),
                crc: CRC.checksum(b"0123456789"),
            }],
        };
        let store = FolderStore {
            layers: vec![folder],
        };
        let content = ContentRef {
            layer: 0,
            at: 7,
            size: 10,
        };
        for (offset, limit) in [(0, 10), (3, 4), (8, 9), (10, 1), (u64::MAX, 1), (2, 0)] {
            let range = store.read_range(content, offset, limit).unwrap();
            let whole = store.open(content).unwrap();
            let expected = crate::rootfs::read_after(whole, offset, limit).unwrap();
            assert_eq!(range, expected, "{offset} {limit}");
        }
    }
}
