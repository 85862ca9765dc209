//! The contents that a scan has kept: [`KeptStore`] for readers that know a tree and a store, [`KeptDocuments`] for those
//! of package databases.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::{self, Read};

use super::scan::{Extra, Scan};
use crate::analyze::{MetadataForm, PackageDocuments, PackageMetadata, RpmRead};
use crate::rootfs::{ContentRef, ContentStore, ImagePath, NodeId, RootFs};

/// Gives kept documents whole, and of programs the ranges that reading them took: [`ContentStore::open`] gives these
/// one after the other, which is enough for whoever looks for a name in a program's strings.
pub(crate) struct KeptStore<'a>(pub(crate) &'a Scan);

impl KeptStore<'_> {
    fn not_kept() -> io::Error {
        io::Error::other("its content was not kept")
    }
}

impl ContentStore for KeptStore<'_> {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        let extra = self.0.extra(content).ok_or_else(Self::not_kept)?;
        match (&extra.document, &extra.elf) {
            (Some(document), _) => Ok(Box::new(document.as_slice())),
            // Whoever looks for a name among the strings of a program needs no offsets, so the ranges can follow each
            // other.
            (None, Some(Ok(elf))) => {
                let ranges = elf.ranges.iter().map(|(_, bytes)| bytes.as_slice());
                let ranges: Vec<&[u8]> = ranges.collect();
                Ok(Box::new(io::Cursor::new(ranges.concat())))
            }
            _ => Err(Self::not_kept()),
        }
    }

    /// A file that is not kept is neither a program nor a script, or its head would have been kept. So its head reads
    /// as empty, which the callers take for the same.
    fn read_head(&self, content: ContentRef, limit: u64) -> io::Result<Vec<u8>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(extra) = self.0.extra(content) else {
            return match self.0.facts(content) {
                Some(_) => Ok(Vec::new()),
                None => Err(Self::not_kept()),
            };
        };
        let bytes = extra.document.as_deref().unwrap_or(&extra.head);
        Ok(bytes[..bytes.len().min(limit)].to_vec())
    }

    fn read_range(&self, content: ContentRef, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let extra = self.0.extra(content).ok_or_else(Self::not_kept)?;
        // As a read at the end of a file: shorter, and no error.
        let limit = limit.min(content.size.saturating_sub(offset));
        let within = |start: u64, bytes: &[u8]| {
            let from = usize::try_from(offset.checked_sub(start)?).ok()?;
            let to = from.checked_add(usize::try_from(limit).ok()?)?;
            bytes.get(from..to).map(<[u8]>::to_vec)
        };
        let ranges = match &extra.elf {
            Some(Ok(elf)) => elf.ranges.as_slice(),
            _ => &[],
        };
        let documents = extra.document.iter().map(|document| (0, document));
        documents
            .chain(ranges.iter().map(|(start, bytes)| (*start, bytes)))
            // A range has to lie within one that was recorded: ELF reading is deterministic, so a second reader asks
            // for the same.
            .find_map(|(start, bytes)| within(start, bytes))
            .ok_or_else(Self::not_kept)
    }
}

/// Package databases and metadata files, as the scan read them: what it did not keep, it has reported.
#[derive(Clone, Copy)]
pub(crate) struct KeptDocuments<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) rootfs: &'a RootFs,
}

impl<'a> KeptDocuments<'a> {
    /// Contents and findings that were kept of a file.
    pub(crate) fn extra(&self, node: NodeId) -> Option<&'a Extra> {
        self.scan.extra(self.rootfs.node(node).content()?)
    }
}

impl PackageDocuments for KeptDocuments<'_> {
    type Error = Infallible;

    fn document(
        &self,
        _path: &ImagePath,
        node: NodeId,
        limit: u64,
    ) -> Result<Option<Cow<'_, [u8]>>, Infallible> {
        let extra = self.extra(node);
        let document = extra.and_then(|extra| extra.document.as_deref());
        // The readers below share their limits with `wanted`. A smaller limit here means that `build` would not read it
        // either.
        let document = document.filter(|document| document.len() as u64 <= limit);
        Ok(document.map(Cow::Borrowed))
    }

    fn metadata(
        &self,
        _path: &ImagePath,
        node: NodeId,
        _form: MetadataForm,
    ) -> Result<Option<Cow<'_, PackageMetadata>>, Infallible> {
        let extra = self.extra(node);
        let metadata = extra.and_then(|extra| extra.metadata.as_ref());
        Ok(metadata.map(Cow::Borrowed))
    }

    fn rpm(&self, _path: &ImagePath, node: NodeId) -> Result<Option<RpmRead<'_>>, Infallible> {
        let read = self.extra(node).and_then(|extra| extra.rpm.as_ref());
        Ok(read.map(|read| read.as_ref().map(Cow::Borrowed).map_err(String::clone)))
    }
}
