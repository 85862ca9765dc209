//! Berkeley DB's hash format (`Packages`): pages of keys and values; values that are large, as headers are, lie in
//! chains of overflow pages.
//!
//! Source: Berkeley DB 5.3, `src/dbinc/db_page.h`.

use std::borrow::Cow;

use super::form::{Each, RpmError, array};

const MAGIC: u32 = 0x0006_1561;
const MAGIC_AT: usize = 12;
/// Header of a page, in front of the offsets of its items.
const PAGE_HEADER: usize = 26;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
/// Pages of keys and values, unsorted and sorted.
const HASH: [u8; 2] = [2, 13];
/// An item in place, and one in overflow pages.
const IN_PLACE: u8 = 1;
const OFF_PAGE: u8 = 3;
/// Key of the record that counts the packages, not one of them.
const COUNTER: [u8; 4] = [0; 4];

pub(crate) fn is(bytes: &[u8]) -> bool {
    BdbPages::new(bytes).is_some()
}

pub(crate) fn headers(bytes: &[u8], each: Each<'_>) -> Result<(), RpmError> {
    let malformed = |what| RpmError::Malformed("Berkeley DB", what);
    let pages = BdbPages::new(bytes).ok_or(RpmError::Unknown)?;
    // Byte 24 is the algorithm of the encryption, and bit 0 of byte 26 stands for checksums: rpm uses neither, and
    // either moves what is read below.
    if bytes[24] != 0 || bytes[26] & 1 != 0 {
        return Err(malformed("it is encrypted or has checksums"));
    }
    for page in bytes.chunks_exact(pages.size).skip(1) {
        if !HASH.contains(&page[25]) {
            continue;
        }
        let items = pages.u16(page, 20).unwrap_or_default();
        for value in (1..usize::from(items)).step_by(2) {
            let key = pages.item(page, value - 1);
            if key.is_some_and(|key| key.get(1..) == Some(&COUNTER)) {
                continue;
            }
            let item = pages.item(page, value);
            let header = item.and_then(|item| pages.value(item));
            each(&header.ok_or_else(|| malformed("a value is not where it should be"))?)?;
        }
    }
    Ok(())
}

/// The file in pages.
struct BdbPages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Whether numbers have the most significant byte first.
    big: bool,
}

impl<'a> BdbPages<'a> {
    /// `None` if it is not a hash database.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let magic: [u8; 4] = array(bytes, MAGIC_AT)?;
        let big = match magic {
            _ if u32::from_le_bytes(magic) == MAGIC => false,
            _ if u32::from_be_bytes(magic) == MAGIC => true,
            _ => return None,
        };
        let mut pages = Self {
            bytes,
            size: 0,
            big,
        };
        pages.size = pages.u32(bytes, 20)? as usize;
        let fits = (512..=64 << 10).contains(&pages.size) && pages.size <= bytes.len();
        (fits && bytes[25] == HASH_META).then_some(pages)
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = array(bytes, at)?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = array(bytes, at)?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    /// An item with its type before it. Items fill a page from its end.
    fn item<'p>(&self, page: &'p [u8], index: usize) -> Option<&'p [u8]> {
        let offset = |index: usize| self.u16(page, PAGE_HEADER + 2 * index).map(usize::from);
        let end = match index {
            0 => page.len(),
            _ => offset(index - 1)?,
        };
        page.get(offset(index)?..end)
    }

    fn value<'p>(&self, item: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        match *item.first()? {
            IN_PLACE => Some(Cow::Borrowed(&item[1..])),
            OFF_PAGE => self.chain(self.u32(item, 4)?, self.u32(item, 8)? as usize),
            _ => None,
        }
        .filter(|value| !value.is_empty())
    }

    /// The bytes of a chain of overflow pages, which has `length`.
    fn chain<'p>(&self, mut number: u32, length: usize) -> Option<Cow<'p, [u8]>> {
        let mut value = Vec::new();
        // Each page gives at least a byte, so this ends.
        while value.len() < length {
            let start = (number as usize).checked_mul(self.size)?;
            let page = self.bytes.get(start..start.checked_add(self.size)?)?;
            let used = usize::from(self.u16(page, 22)?);
            let bytes = page.get(PAGE_HEADER..PAGE_HEADER + used)?;
            if page[25] != OVERFLOW || bytes.is_empty() || value.len() > self.bytes.len() {
                return None;
            }
            value.extend_from_slice(bytes);
            number = self.u32(page, 16)?;
        }
        (value.len() == length).then_some(Cow::Owned(value))
    }
}
