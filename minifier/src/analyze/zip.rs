//! [`Zip`]: a zip archive (also zip64) in anything that gives ranges of bytes.
//!
//! Source: PKWARE's APPNOTE 6.3.9, sections 4.3 to 4.5.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::ReadAt;

const MAX_ENTRIES: usize = 200_000;
/// Largest central directory, bytes.
const MAX_DIRECTORY: u64 = 32 << 20;
const END_SIZE: u64 = 22;
const LOCATOR_SIZE: u64 = 20;
const END64_SIZE: u64 = 56;
/// Read at once of an entry's packed bytes.
const CHUNK: u64 = 64 << 10;
/// A field of 32 bits whose value is in the extra field of zip64.
const IN_EXTRA: u64 = u32::MAX as u64;

/// A zip archive whose central directory has been read.
pub(crate) struct Zip<'a> {
    file: &'a dyn ReadAt,
    directory: Vec<u8>,
    /// Bytes in front of the archive, such as the script of an executable jar: all its offsets lack them.
    shift: u64,
}

/// An entry of the central directory.
pub(crate) struct ZipEntry<'a> {
    pub(crate) name: &'a [u8],
    /// Bytes of the content, as the directory says.
    pub(crate) size: u64,
    method: u16,
    packed: u64,
    header_at: u64,
}

impl<'a> Zip<'a> {
    pub(crate) fn open(file: &'a dyn ReadAt) -> Result<Self, String> {
        let end = EndRecord::find(file)?;
        if end.size > MAX_DIRECTORY {
            return Err("its central directory is larger than is read".into());
        }
        let malformed = || "its central directory is malformed".to_owned();
        let at = end.at.checked_sub(end.size).ok_or_else(malformed)?;
        // Executable jars and zipapps have a script in front, which the offsets of the archive do not count.
        let shift = at.checked_sub(end.offset).ok_or_else(malformed)?;
        let directory = file.read_at(at, end.size).map_err(|e| e.to_string())?;
        Ok(Self {
            file,
            directory,
            shift,
        })
    }

    /// The entries in order; ends after the first that is malformed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<ZipEntry<'_>, String>> {
        let (mut at, mut seen) = (0, 0);
        std::iter::from_fn(move || {
            if at >= self.directory.len() || seen == MAX_ENTRIES {
                return None;
            }
            seen += 1;
            match self.entry(at) {
                Some((entry, next)) => {
                    at = next;
                    Some(Ok(entry))
                }
                None => {
                    at = self.directory.len();
                    Some(Err("its central directory is malformed".to_owned()))
                }
            }
        })
    }

    fn entry(&self, at: usize) -> Option<(ZipEntry<'_>, usize)> {
        let header = self.directory.get(at..)?.get(..46)?;
        if !header.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = |offset| u16_at(header, offset).map(usize::from);
        let name_end = at + 46 + length(28)?;
        let extra_end = name_end + length(30)?;
        let mut wide = zip64_extra(self.directory.get(name_end..extra_end)?);
        let mut field = |offset| {
            let value = u64::from(u32_at(header, offset)?);
            match value {
                IN_EXTRA => wide.next().or(Some(value)),
                value => Some(value),
            }
        };
        // The extra field has them in this order, not in that of the header.
        let (size, packed) = (field(24)?, field(20)?);
        let entry = ZipEntry {
            name: self.directory.get(at + 46..name_end)?,
            size,
            method: u16_at(header, 10)?,
            packed,
            header_at: field(42)?.checked_add(self.shift)?,
        };
        Some((entry, extra_end + length(32)?))
    }

    /// The content, which may not be longer than `limit`.
    pub(crate) fn content(&self, entry: &ZipEntry<'_>, limit: u64) -> Result<Vec<u8>, String> {
        let name = crate::rootfs::escape_bytes(entry.name);
        let (start, _) = self.packed(entry)?;
        let packed = Packed {
            file: self.file,
            at: start,
            left: entry.packed,
            chunk: Vec::new(),
            used: 0,
        };
        let mut content = Vec::new();
        let read = match entry.method {
            // One byte more than is allowed, so that a longer entry is noticed; sizes in headers can lie.
            0 => packed.take(limit + 1).read_to_end(&mut content),
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(limit + 1)
                .read_to_end(&mut content),
            method => Err(io::Error::other(format!(
                "compression {method} is not known"
            ))),
        };
        read.map_err(|e| format!("{name}: {e}"))?;
        if content.len() as u64 > limit {
            return Err(format!("{name} is longer than it may be"));
        }
        Ok(content)
    }

    /// The bytes of an entry that is not compressed, in place.
    pub(crate) fn stored(&self, entry: &ZipEntry<'_>) -> Option<Slice<'a>> {
        let (start, size) = self.packed(entry).ok()?;
        (entry.method == 0).then_some(Slice {
            file: self.file,
            start,
            size,
        })
    }

    /// Start and length of the packed bytes of an entry.
    fn packed(&self, entry: &ZipEntry<'_>) -> Result<(u64, u64), String> {
        let range = || {
            let header = self.file.read_at(entry.header_at, 30).ok()?;
            // The lengths of name and extra field in the local header are its own: writers pad it to align the
            // content.
            let skip = 30 + u64::from(u16_at(&header, 26)?) + u64::from(u16_at(&header, 28)?);
            let start = entry.header_at.checked_add(skip)?;
            let fits = start.checked_add(entry.packed)? <= self.file.size();
            (header.starts_with(b"PK\x03\x04") && fits).then_some((start, entry.packed))
        };
        range().ok_or_else(|| {
            let name = crate::rootfs::escape_bytes(entry.name);
            format!("{name} lies outside of the archive")
        })
    }
}

/// The record at the end of the archive, about its central directory.
struct EndRecord {
    /// Offset at which the directory ends.
    at: u64,
    size: u64,
    /// Offset at which it starts, counted from the start of the archive.
    offset: u64,
}

impl EndRecord {
    fn find(file: &dyn ReadAt) -> Result<Self, String> {
        let tail_at = file.size().saturating_sub(END_SIZE + 0xffff);
        let tail = file
            .read_at(tail_at, END_SIZE + 0xffff)
            .map_err(|e| e.to_string())?;
        // The last one: a stored zip inside has a record of its own
        // before it.
        let found =
            memchr::memmem::rfind(&tail, b"PK\x05\x06").ok_or("it has no central directory")?;
        let (end, at) = (&tail[found..], tail_at + found as u64);
        let malformed = || "its central directory is malformed".to_owned();
        let (size, offset) = (u32_at(end, 12), u32_at(end, 16));
        let mut found = Self {
            at,
            size: u64::from(size.ok_or_else(malformed)?),
            offset: u64::from(offset.ok_or_else(malformed)?),
        };
        let count = u16_at(end, 10).ok_or_else(malformed)?;
        if count == 0xffff || found.size == IN_EXTRA || found.offset == IN_EXTRA {
            // An archive of exactly 65,535 entries needs no zip64, so its records may be missing.
            //
            found = Self::zip64(file, at).unwrap_or(found);
        }
        Ok(found)
    }

    fn zip64(file: &dyn ReadAt, end_at: u64) -> Option<Self> {
        let locator_at = end_at.checked_sub(LOCATOR_SIZE)?;
        let locator = file.read_at(locator_at, LOCATOR_SIZE).ok()?;
        if !locator.starts_with(b"PK\x06\x07") {
            return None;
        }
        let record = |at: u64| {
            let record = file.read_at(at, END64_SIZE).ok()?;
            record.starts_with(b"PK\x06\x06").then_some((record, at))
        };
        // If something stands in front of the archive, the offset is short of the record, which usually stands
        // right before its locator.
        let stated = record(u64_at(&locator, 8)?);
        let (record, at) = stated.or_else(|| record(locator_at.checked_sub(END64_SIZE)?))?;
        Some(Self {
            at,
            size: u64_at(&record, 40)?,
            offset: u64_at(&record, 48)?,
        })
    }
}

/// The values of zip64's extra field.
fn zip64_extra(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut values: &[u8] = &[];
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(field) = extra.get(4..4 + usize::from(length)) else {
            break;
        };
        if id == 1 {
            values = field;
            break;
        }
        extra = &extra[4 + usize::from(length)..];
    }
    values
        .as_chunks::<8>()
        .0
        .iter()
        .copied()
        .map(u64::from_le_bytes)
}

/// A range of a file.
pub(crate) struct Slice<'a> {
    file: &'a dyn ReadAt,
    start: u64,
    size: u64,
}

impl ReadAt for Slice<'_> {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let offset = offset.min(self.size);
        let limit = limit.min(self.size - offset);
        self.file.read_at(self.start + offset, limit)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// A file of the host that holds a large archive while it is looked at.
pub(crate) struct SpooledZip {
    file: File,
    size: u64,
}

impl SpooledZip {
    /// Copies all of `body`; `seen` is given what passes by.
    pub(crate) fn new(body: &mut dyn io::BufRead, mut seen: impl FnMut(&[u8])) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        let mut size = 0;
        for_each_chunk(body, |bytes| {
            seen(bytes);
            size += bytes.len() as u64;
            io::Write::write_all(&mut file, bytes)
        })?;
        Ok(Self { file, size })
    }
}

/// Gives all of `body` to `take`, a buffer at a time; nothing is copied.
pub(crate) fn for_each_chunk(
    body: &mut dyn io::BufRead,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let bytes = match body.fill_buf() {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if bytes.is_empty() {
            return Ok(());
        }
        take(bytes)?;
        let length = bytes.len();
        body.consume(length);
    }
}

impl ReadAt for SpooledZip {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let limit = limit.min(self.size.saturating_sub(offset));
        let mut bytes = vec![0; usize::try_from(limit).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// The packed bytes of an entry as a stream.
struct Packed<'a> {
    file: &'a dyn ReadAt,
    at: u64,
    left: u64,
    chunk: Vec<u8>,
    used: usize,
}

impl Read for Packed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.used == self.chunk.len() {
            self.chunk = self.file.read_at(self.at, self.left.min(CHUNK))?;
            self.used = 0;
            self.at += self.chunk.len() as u64;
            self.left -= self.chunk.len() as u64;
        }
        let length = buf.len().min(self.chunk.len() - self.used);
        buf[..length].copy_from_slice(&self.chunk[self.used..self.used + length]);
        self.used += length;
        Ok(length)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::testing::zip;

    /// Content by name.
    fn contents(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let zip = Zip::open(&bytes).unwrap();
        zip.entries()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = String::from_utf8_lossy(entry.name).into_owned();
                (name, zip.content(&entry, 1000).unwrap())
            })
            .collect()
    }

    /// The archive as zip64: sizes and offsets in extra fields, the end in records of its own.
    fn as_zip64(bytes: &[u8]) -> Vec<u8> {
        let zip = Zip::open(&bytes).unwrap();
        let end_at = bytes.len() - END_SIZE as usize;
        let start = end_at - zip.directory.len();
        let mut out = bytes[..start].to_vec();
        let mut at = 0;
        let mut count = 0u64;
        while let Some((entry, next)) = zip.entry(at) {
            let header = &zip.directory[at..next];
            out.extend(&header[..20]);
            out.extend([0xff; 8]);
            out.extend(&header[28..30]);
            out.extend(32u16.to_le_bytes());
            out.extend(&header[32..42]);
            out.extend([0xff; 4]);
            out.extend(entry.name);
            // A field of another kind stands before it.
            out.extend([0x55, 0x54, 0, 0]);
            out.extend([1, 0, 24, 0]);
            for value in [entry.size, entry.packed, entry.header_at] {
                out.extend(value.to_le_bytes());
            }
            at = next;
            count += 1;
        }
        let (record_at, size) = (out.len() as u64, (out.len() - start) as u64);
        out.extend(b"PK\x06\x06");
        out.extend(44u64.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [count, count, size, start as u64] {
            out.extend(value.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(record_at.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend([0xff; 12]);
        out.extend([0, 0]);
        out
    }

    #[test]
    fn zip64_reads_as_zip_also_behind_a_script() {
        let bytes = zip(&[("a", b"first"), ("b", b"second"), ("d/c", &[7; 900])]);
        let expected = contents(&bytes);
        assert_eq!(expected[1], ("b".into(), b"second".to_vec()));
        let wide = as_zip64(&bytes);
        assert_eq!(contents(&wide), expected);
        let script = b"#!/bin/sh\nexec java -jar $0\n";
        assert_eq!(contents(&[script.as_slice(), &wide].concat()), expected);
    }

    #[test]
    fn a_file_of_the_host_and_a_range_of_it_read_as_memory_does() {
        let inner = zip(&[("x", b"y"), ("z", b"w")]);
        // Every second entry is stored.
        let bytes = zip(&[("a", b"b"), ("inner.zip", &inner)]);
        let mut seen = Vec::new();
        let mut body = io::BufReader::with_capacity(7, bytes.as_slice());
        let spooled = SpooledZip::new(&mut body, |bytes| seen.extend_from_slice(bytes)).unwrap();
        assert_eq!(seen, bytes);
        let zip = Zip::open(&spooled).unwrap();
        let entry = zip.entries().nth(1).unwrap().unwrap();
        let slice = zip.stored(&entry).unwrap();
        assert_eq!(slice.read_at(0, u64::MAX).unwrap(), inner);
        assert_eq!(Zip::open(&slice).unwrap().entries().count(), 2);
    }

    #[test]
    fn sizes_that_are_lies_take_no_memory() {
        let mut bytes = zip(&[("a", b"b")]);
        let at = bytes.len() - END_SIZE as usize + 12;
        bytes[at..at + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
        let problem = Zip::open(&bytes.as_slice()).err().unwrap();
        assert!(problem.contains("larger than is read"), "{problem}");
    }
}
