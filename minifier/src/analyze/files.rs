//! [`Files`]: bounded reads of files of the merged tree.

use std::io::{self, Read};

use super::elf::{ElfError, ElfFile, ReadAt};
use super::script::KERNEL_HEAD;
use crate::rootfs::{ContentRef, ContentStore, ImagePath, NodeId, RootFs};

/// The content store could not give the bytes of a file that the image has.
#[derive(Debug, thiserror::Error)]
#[error("read {path} from the image: {source}")]
pub struct ReadError {
    /// The file, as a path in the image.
    pub path: ImagePath,
    /// The store's error.
    pub source: io::Error,
}

/// The merged tree with its bytes.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Paths, links and metadata of all layers together.
    pub rootfs: &'a RootFs,
    /// Contents of the files of `rootfs`.
    pub store: &'a dyn ContentStore,
}

impl<'a> Files<'a> {
    /// At most `limit` bytes from the start of the regular file that `path` leads to, links followed; `None` if it
    /// leads to anything else.
    pub fn read(&self, path: &ImagePath, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let resolution = self
            .rootfs
            .resolve(&ImagePath::root(), path.as_bytes(), true);
        match resolution.found() {
            Some((path, node)) => self.read_node(path, node, limit),
            None => Ok(None),
        }
    }

    /// At most `limit` bytes from the start of a regular file; `None` for anything else. `path` is for the message.
    pub fn read_node(
        &self,
        path: &ImagePath,
        node: NodeId,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(content) = self.rootfs.node(node).content() else {
            return Ok(None);
        };
        let head = self.store.read_head(content, limit);
        head.map(Some).map_err(|source| ReadError {
            path: path.clone(),
            source,
        })
    }

    /// As much of a regular file as the kernel reads to find out how to execute it; empty for anything else.
    pub fn head(&self, path: &ImagePath, node: NodeId) -> Result<Vec<u8>, ReadError> {
        let head = self.read_node(path, node, KERNEL_HEAD as u64)?;
        Ok(head.unwrap_or_default())
    }

    /// Whether a file begins as an ELF file does.
    pub fn is_elf(&self, path: &ImagePath, node: NodeId) -> Result<bool, ReadError> {
        let head = self.read_node(path, node, 4)?;
        Ok(head.is_some_and(|head| ElfFile::is_elf(&head)))
    }

    /// Opens a regular file for reading from its start; `None` for anything else. `path` is for the message.
    pub fn open(
        &self,
        path: &ImagePath,
        node: NodeId,
    ) -> Result<Option<Box<dyn Read + Send + 'a>>, ReadError> {
        let Some(content) = self.rootfs.node(node).content() else {
            return Ok(None);
        };
        let opened = self.store.open(content);
        opened.map(Some).map_err(|source| ReadError {
            path: path.clone(),
            source,
        })
    }

    /// The needs of an ELF file; the inner error says how it is broken. `path` is for the message.
    pub fn elf(
        &self,
        path: &ImagePath,
        content: ContentRef,
    ) -> Result<Result<ElfFile, String>, ReadError> {
        let file = StoreFile {
            store: self.store,
            content,
        };
        match ElfFile::parse(&file) {
            Ok(elf) => Ok(Ok(elf)),
            Err(ElfError::Malformed(how)) => Ok(Err(how)),
            Err(ElfError::Io(source)) => Err(ReadError {
                path: path.clone(),
                source,
            }),
        }
    }
}

/// A file of a store, for parsers that read here and there.
struct StoreFile<'a> {
    store: &'a dyn ContentStore,
    content: ContentRef,
}

impl ReadAt for StoreFile<'_> {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        self.store.read_range(self.content, offset, limit)
    }

    fn size(&self) -> u64 {
        self.content.size
    }
}
