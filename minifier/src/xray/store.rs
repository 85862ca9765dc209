//! [`KeptStore`]: the contents that a scan has kept, for readers that know a tree and a store.

use std::io::{self, Read};

use super::scan::Scan;
use crate::rootfs::{ContentRef, ContentStore};

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
            (None, Some(Ok(elf))) => {
                let ranges = elf.ranges.iter().map(|(_, bytes)| bytes.as_slice());
                let ranges: Vec<&[u8]> = ranges.collect();
                Ok(Box::new(io::Cursor::new(ranges.concat())))
            }
            _ => Err(Self::not_kept()),
        }
    }

    /// Of files that are neither kept nor a program nor a script, nothing but their length is known, and that they
    /// are neither: their head reads as empty.
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
            .find_map(|(start, bytes)| within(start, bytes))
            .ok_or_else(Self::not_kept)
    }
}
