//! Sparse members: the map of what the archive holds of a file, and the reader that puts the holes back.
//!
//! Source: GNU tar manual, "Storing Sparse Files" (old GNU format, PAX formats 0.0, 0.1 and 1.0).

use std::io::{self, Read};

use super::header::{BLOCK, Block, number};
use super::input::TarInput;
use super::pax::decimal;

/// Longest map, in bytes: what Go's reader allows of the format 1.0.
const MAX_MAP: u64 = 1 << 20;

/// Which parts of a file an archive holds, one after the other; everything between them is zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseMap {
    /// Length of the file with its holes.
    size: u64,
    /// Offset in the file and length, ascending, not overlapping.
    fragments: Vec<(u64, u64)>,
}

impl SparseMap {
    /// `numbers` are offsets and lengths in turn; `stored` is how many bytes the archive has of the file.
    pub(crate) fn new(size: u64, numbers: &[u64], stored: u64) -> Result<Self, &'static str> {
        if !numbers.len().is_multiple_of(2) {
            return Err("the sparse map ends within an entry");
        }
        let (mut end, mut sum) = (0u64, 0u64);
        let mut fragments = Vec::new();
        for pair in numbers.chunks_exact(2) {
            let (offset, length) = (pair[0], pair[1]);
            let next = offset
                .checked_add(length)
                // Fragments out of order could overlap, and then a reader that seeks and one that streams would give
                // different bytes.
                .filter(|&next| offset >= end && next <= size)
                .ok_or("the sparse map leaves the file or overlaps itself")?;
            end = next;
            // Cannot overflow: the fragments do not overlap and end within the file.
            sum += length;
            // The last entry of a file that ends in a hole is empty.
            if length > 0 {
                fragments.push((offset, length));
            }
        }
        // Otherwise the reader would take bytes of the next member for the file's, or leave some.
        if sum != stored {
            return Err("the sparse map and the size of the member disagree");
        }
        Ok(Self { size, fragments })
    }

    /// Length of the file with its holes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many pieces it has.
    pub(crate) fn fragments(&self) -> usize {
        self.fragments.len()
    }

    /// How many bytes the archive holds.
    pub fn stored(&self) -> u64 {
        self.fragments.iter().map(|&(_, length)| length).sum()
    }
}

/// Offsets and lengths of an old GNU sparse header, with the blocks that continue it. Reads those from `input`.
/// The file's size comes first.
pub(crate) fn old_gnu(
    header: &Block,
    input: &mut impl TarInput,
) -> io::Result<Result<(u64, Vec<u64>), &'static str>> {
    const MALFORMED: &str = "the sparse map is malformed";
    let field = |bytes: &[u8]| number(bytes).and_then(|n| u64::try_from(n).ok());
    let mut numbers = Vec::new();
    let mut take = |entries: &[u8]| {
        for entry in entries.chunks_exact(24) {
            // An empty entry ends the map; the blocks that follow are still there.
            if entry[0] == 0 {
                return Some(());
            }
            numbers.push(field(&entry[..12])?);
            numbers.push(field(&entry[12..])?);
        }
        Some(())
    };
    let Some(size) = field(&header[483..495]) else {
        return Ok(Err("the size of the sparse file is not a number"));
    };
    if take(&header[386..482]).is_none() {
        return Ok(Err(MALFORMED));
    }
    let mut more = header[482] != 0;
    let mut taken = 0;
    while more {
        // A header can claim that its map goes on for ever; each block is 21 entries in memory.
        taken += BLOCK as u64;
        if taken > MAX_MAP {
            return Ok(Err("the sparse map is too long"));
        }
        let mut block = [0; BLOCK];
        if input.fill(&mut block)? < BLOCK {
            return Ok(Err("the sparse map is cut off"));
        }
        if take(&block[..504]).is_none() {
            return Ok(Err(MALFORMED));
        }
        more = block[504] != 0;
    }
    Ok(Ok((size, numbers)))
}

/// Offsets and lengths of the PAX format 1.0, which stand as text at the start of the body, padded to blocks.
/// Gives also how many bytes of the body they took.
pub(crate) fn pax_1_0(
    body: u64,
    input: &mut impl TarInput,
) -> io::Result<Result<(Vec<u64>, u64), &'static str>> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut count: Option<u64> = None;
    let mut digits = Vec::new();
    let mut taken = 0;
    while count.is_none_or(|count| (numbers.len() as u64) < count) {
        // The count comes from the archive: the map is only as long as the body it stands in, and never longer than
        // Go allows.
        if taken + BLOCK as u64 > body.min(MAX_MAP) {
            return Ok(Err("the sparse map is cut off or too long"));
        }
        let mut block = [0; BLOCK];
        if input.fill(&mut block)? < BLOCK {
            return Ok(Err("the sparse map is cut off"));
        }
        taken += BLOCK as u64;
        for &byte in &block {
            if byte != b'\n' {
                digits.push(byte);
                continue;
            }
            let Some(number) = decimal(&digits) else {
                return Ok(Err("the sparse map is malformed"));
            };
            digits.clear();
            match count {
                None => match number.checked_mul(2) {
                    Some(total) => count = Some(total),
                    None => return Ok(Err("the sparse map is malformed")),
                },
                Some(_) => numbers.push(number),
            }
            // The rest of the block is padding.
            if count == Some(numbers.len() as u64) {
                break;
            }
        }
    }
    Ok(Ok((numbers, taken)))
}

/// Reads a sparse file with its holes, given what the archive holds of it.
#[derive(Debug)]
pub struct SparseReader<'a, R> {
    map: &'a SparseMap,
    stored: R,
    at: u64,
    fragment: usize,
}

impl<'a, R: Read> SparseReader<'a, R> {
    /// `stored` stands at the first byte of the first fragment.
    pub fn new(map: &'a SparseMap, stored: R) -> Self {
        Self {
            map,
            stored,
            at: 0,
            fragment: 0,
        }
    }
}

impl<R: Read> Read for SparseReader<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (hole_end, data_end) = match self.map.fragments.get(self.fragment) {
            Some(&(offset, length)) => (offset, offset + length),
            None => (self.map.size, self.map.size),
        };
        let in_hole = self.at < hole_end;
        let end = if in_hole { hole_end } else { data_end };
        let want = usize::try_from(end - self.at).map_or(buf.len(), |left| left.min(buf.len()));
        if want == 0 {
            return Ok(0);
        }
        let got = if in_hole {
            buf[..want].fill(0);
            want
        } else {
            self.stored.read(&mut buf[..want])?
        };
        // Nothing was wanted if the file is at its end, so this is an archive that ends too early.
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += got as u64;
        if self.at == data_end {
            self.fragment += 1;
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_read_as_zeros() {
        let map = SparseMap::new(12, &[2, 3, 8, 1, 12, 0], 4).unwrap();
        let mut out = Vec::new();
        SparseReader::new(&map, &b"abcd"[..])
            .read_to_end(&mut out)
            .unwrap();
        assert_eq!(out, b"\0\0abc\0\0\0d\0\0\0");
        let short = SparseReader::new(&map, &b"abc"[..]).read_to_end(&mut out);
        assert_eq!(short.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn maps_that_leave_the_file_are_refused() {
        for (size, numbers, stored) in [
            (4, &[0u64, 5][..], 5),
            (9, &[0, 5, 4, 1], 6),
            (9, &[0, 5], 4),
            (9, &[0, 5, 6], 5),
            (u64::MAX, &[u64::MAX, 2], 2),
        ] {
            assert!(
                SparseMap::new(size, numbers, stored).is_err(),
                "{numbers:?}"
            );
        }
    }
}
