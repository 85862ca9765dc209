//! [`Windows`]: the parts of a large ELF file that are worth keeping while it passes by; [`Recorder`]: the ranges that
//! a reader asked for.

use std::cell::RefCell;
use std::io;

use goblin::elf::program_header::{PT_DYNAMIC, PT_LOAD};

use crate::analyze::{Headers, ReadAt};

/// The start of a file, where headers, the interpreter and the dynamic strings are.
const HEAD: u64 = 16 << 20;
/// The end of a file, where section headers and their names are.
const TAIL: u64 = 1 << 20;
/// The start of a segment: Go's build info stands at that of its data.
const SEGMENT: u64 = 512 << 10;
const MAX_WINDOWS: usize = 64;

/// Ranges of a file, kept as it streams by.
#[derive(Debug)]
pub(crate) struct Windows {
    size: u64,
    at: u64,
    /// Start, length and what there is of it so far; ascending, not overlapping.
    ranges: Vec<(u64, u64, Vec<u8>)>,
}

impl Windows {
    /// `head` are the first bytes of the file: its ELF and program headers say which ranges matter.
    pub(crate) fn new(head: &[u8], size: u64) -> Self {
        let mut wanted = vec![(0, HEAD.min(size))];
        let mut want = |start: u64, length: u64| {
            let length = length.min(size.saturating_sub(start));
            // A header can claim thousands of segments; each window costs a comparison for every chunk.
            if length > 0 && wanted.len() < MAX_WINDOWS {
                wanted.push((start, length));
            }
        };
        // Linkers write section headers last; `strip` and `objcopy` keep it so.
        want(size.saturating_sub(TAIL), TAIL);
        if let Ok(headers) = Headers::read(&head) {
            let sections = headers.header.e_shoff;
            // The headers may stand elsewhere, with small sections such as `.comment` right before them.
            want(sections.saturating_sub(SEGMENT), SEGMENT + TAIL);
            for (start, length) in wanted_segments(head, &headers) {
                want(start, length);
            }
        }
        wanted.sort_unstable();
        let mut ranges: Vec<(u64, u64, Vec<u8>)> = Vec::new();
        for (start, length) in wanted {
            // Windows that touch become one, so that a read across their border succeeds.
            match ranges.last_mut() {
                Some((last, so_far, _)) if start <= *last + *so_far => {
                    *so_far = (*so_far).max(start + length - *last);
                }
                _ => ranges.push((start, length, Vec::new())),
            }
        }
        Self {
            size,
            at: 0,
            ranges,
        }
    }

    /// The next bytes of the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let (from, to) = (self.at, self.at + bytes.len() as u64);
        for (start, length, kept) in &mut self.ranges {
            let (first, last) = (from.max(*start), to.min(*start + *length));
            if first < last {
                kept.extend_from_slice(&bytes[(first - from) as usize..(last - from) as usize]);
            }
        }
        self.at = to;
    }
}

/// Where loadable and dynamic segments start, and how much of them is wanted; `None` if their table is not in the head.
fn wanted_segments(head: &[u8], headers: &Headers) -> Vec<(u64, u64)> {
    let segments = headers.segments(&head).unwrap_or_default();
    segments
        .iter()
        .take(MAX_WINDOWS)
        .filter(|segment| matches!(segment.p_type, PT_LOAD | PT_DYNAMIC))
        .map(|segment| (segment.p_offset, segment.p_filesz.min(SEGMENT)))
        .collect()
}

impl ReadAt for Windows {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let limit = limit.min(self.size.saturating_sub(offset));
        let kept = self.ranges.iter().find_map(|(start, _, bytes)| {
            let from = usize::try_from(offset.checked_sub(*start)?).ok()?;
            let to = from.checked_add(usize::try_from(limit).ok()?)?;
            bytes.get(from..to)
        });
        match kept {
            Some(bytes) => Ok(bytes.to_vec()),
            // An error and not a short read: parsers would take a short one for the end of the file.
            None => Err(io::Error::other(format!(
                "the file is too large to be kept, and bytes {offset} to {} are in an unusual place",
                offset + limit
            ))),
        }
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Remembers the ranges that are read, so that they can be read again when the file has gone by.
pub(crate) struct Recorder<'a, R> {
    inner: &'a R,
    ranges: RefCell<Vec<(u64, Vec<u8>)>>,
}

impl<'a, R: ReadAt> Recorder<'a, R> {
    pub(crate) fn new(inner: &'a R) -> Self {
        Self {
            inner,
            ranges: RefCell::default(),
        }
    }

    pub(crate) fn into_ranges(self) -> Vec<(u64, Vec<u8>)> {
        self.ranges.into_inner()
    }
}

impl<R: ReadAt> ReadAt for Recorder<'_, R> {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let bytes = self.inner.read_at(offset, limit)?;
        self.ranges.borrow_mut().push((offset, bytes.clone()));
        Ok(bytes)
    }

    fn size(&self) -> u64 {
        self.inner.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::ElfFile;

    #[test]
    fn a_large_program_reads_the_same_through_windows() {
        let mut bytes = std::fs::read("/bin/bash").unwrap();
        bytes.resize(40 << 20, 0);
        let mut windows = Windows::new(&bytes[..64 << 10], bytes.len() as u64);
        for chunk in bytes.chunks(100_003) {
            windows.feed(chunk);
        }
        let kept: usize = windows.ranges.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(kept < 20 << 20, "{kept}");
        assert_eq!(
            ElfFile::parse(&windows).unwrap(),
            ElfFile::parse(&bytes.as_slice()).unwrap()
        );
        assert!(windows.read_at(30 << 20, 10).is_err());
    }
}
