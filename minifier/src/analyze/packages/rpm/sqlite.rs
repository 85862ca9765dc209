//! SQLite's file format, as much of it as the table `Packages` of `rpmdb.sqlite` takes: walking a table's tree and
//! joining overflow pages. No index, no expression and no trigger of the file is looked at, let alone executed.
//!
//! Source: SQLite, "Database File Format".

use std::borrow::Cow;

use super::form::{Each, RpmError, be16, be32};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header of the file, which the first page begins with.
const FILE_HEADER: usize = 100;
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// Columns of `sqlite_schema`: type, name, table, root page.
const SCHEMA_NAME: usize = 1;
const SCHEMA_ROOT: usize = 3;
/// Columns of `Packages`: number, header.
const HEADER: usize = 1;

pub(crate) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(crate) fn headers(bytes: &[u8], each: Each<'_>) -> Result<(), RpmError> {
    let pages = SqlitePages::new(bytes).ok_or(malformed("its header is cut or unusual"))?;
    let mut root = None;
    pages.rows(1, &mut |row| {
        let columns = columns(row);
        if columns.get(SCHEMA_NAME) == Some(&&b"Packages"[..]) && columns[0] == b"table" {
            let number = columns.get(SCHEMA_ROOT).copied().unwrap_or_default();
            root = Some(number.iter().fold(0u32, |n, &b| n << 8 | u32::from(b)));
        }
        Ok(())
    })?;
    let root = root.ok_or(malformed("it has no table of packages"))?;
    pages.rows(root, &mut |row| match columns(row).get(HEADER) {
        Some(header) => each(header),
        None => Err(malformed("a row has no header")),
    })
}

const fn malformed(what: &'static str) -> RpmError {
    RpmError::Malformed("SQLite", what)
}

/// The file in pages.
struct SqlitePages<'a> {
    bytes: &'a [u8],
    size: usize,
    /// Bytes of a page without those that extensions reserve.
    usable: usize,
}

impl<'a> SqlitePages<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        // A page of 65,536 bytes does not fit into the field.
        let size = match be16(bytes, 16)? {
            1 => 1 << 16,
            size => usize::from(size),
        };
        let usable = size.checked_sub(usize::from(*bytes.get(20)?))?;
        let utf8 = be32(bytes, 56)? == 1;
        let fits = size.is_power_of_two() && size >= 512 && usable >= 480 && utf8;
        fits.then_some(Self {
            bytes,
            size,
            usable,
        })
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize).checked_sub(1)?.checked_mul(self.size)?;
        self.bytes.get(start..start.checked_add(self.size)?)
    }

    /// Gives each row of the table whose tree begins at `root`, in order.
    fn rows(&self, root: u32, each: Each<'_>) -> Result<(), RpmError> {
        let mut seen = vec![false; self.bytes.len() / self.size + 1];
        let mut stack = vec![root];
        // Rows share no bytes; many cells that name the same ones are a trick.
        let mut left = self.bytes.len();
        while let Some(number) = stack.pop() {
            let page = self.page(number).ok_or(malformed("a page is missing"))?;
            // A tree has no page twice.
            if std::mem::replace(&mut seen[number as usize], true) {
                return Err(malformed("its tree is a loop"));
            }
            let start = if number == 1 { FILE_HEADER } else { 0 };
            let cells = be16(page, start + 3).unwrap_or_default();
            let cut = malformed("a page is cut");
            match page[start] {
                INTERIOR => {
                    let pointers = cell_pointers(page, start + 12, cells).ok_or(cut)?;
                    stack.push(be32(page, start + 8).ok_or(cut)?);
                    for at in pointers.into_iter().rev() {
                        stack.push(be32(page, at).ok_or(cut)?);
                    }
                }
                LEAF => {
                    for at in cell_pointers(page, start + 8, cells).ok_or(cut)? {
                        let row = self.row(page, at, left);
                        let row = row.ok_or(malformed("a row is cut"))?;
                        left -= row.len();
                        each(&row)?;
                    }
                }
                _ => return Err(malformed("a page is not of a table")),
            }
        }
        Ok(())
    }

    /// The record of the cell at `at`, joined from its overflow pages; `None` if it is longer than `left`.
    fn row(&self, page: &'a [u8], at: usize, left: usize) -> Option<Cow<'a, [u8]>> {
        let mut cell = page.get(at..self.usable)?;
        let length = usize::try_from(varint(&mut cell)?).ok()?;
        varint(&mut cell)?;
        // The bounds of what stays on a leaf page are from SQLite's file format, section 1.6; the rest goes to
        // overflow pages.
        let (most, least) = (self.usable - 35, (self.usable - 12) * 32 / 255 - 23);
        if length > left {
            return None;
        }
        if length <= most {
            return cell.get(..length).map(Cow::Borrowed);
        }
        let wanted = least + (length - least) % (self.usable - 4);
        let local = if wanted <= most { wanted } else { least };
        let mut record = cell.get(..local)?.to_vec();
        let mut next = be32(cell, local)?;
        while record.len() < length {
            let page = self.page(next)?;
            let part = (length - record.len()).min(self.usable - 4);
            record.extend_from_slice(page.get(4..4 + part)?);
            next = be32(page, 0)?;
        }
        Some(Cow::Owned(record))
    }
}

fn cell_pointers(page: &[u8], start: usize, cells: u16) -> Option<Vec<usize>> {
    let bytes = page.get(start..start + 2 * usize::from(cells))?;
    let pointers = bytes.as_chunks::<2>().0.iter();
    Some(
        pointers
            .map(|&at| usize::from(u16::from_be_bytes(at)))
            .collect(),
    )
}

/// The values of a record as bytes, those that are there: integers with the most significant byte first. Constants
/// (0, 1, NULL) are empty.
fn columns(record: &[u8]) -> Vec<&[u8]> {
    let mut rest = record;
    let header = varint(&mut rest).and_then(|length| usize::try_from(length).ok());
    let Some((mut types, mut values)) = header.and_then(|length| {
        let skip = record.len() - rest.len();
        Some((record.get(skip..length)?, record.get(length..)?))
    }) else {
        return Vec::new();
    };
    let mut columns = Vec::new();
    // No table that is read here has more.
    while columns.len() < 8
        && let Some(kind) = varint(&mut types)
    {
        let length = match kind {
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            12.. => (kind - 12) / 2,
            _ => 0,
        };
        let value = usize::try_from(length)
            .ok()
            .and_then(|length| values.split_at_checked(length));
        let Some((value, after)) = value else { break };
        columns.push(value);
        values = after;
    }
    columns
}

/// An integer of one to nine bytes, the most significant first.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for count in 1..=9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if count == 9 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of pages of 512 bytes, whose table `Packages` has its root in page 2.
    fn database(root: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 1024];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16] = 2;
        bytes[59] = 1;
        bytes[FILE_HEADER] = LEAF;
        bytes[FILE_HEADER + 4] = 1;
        bytes[FILE_HEADER + 8..FILE_HEADER + 10].copy_from_slice(&400u16.to_be_bytes());
        let row = b"\x1c\x01\x06\x17\x1d\x1d\x01\0tablePackagesPackages\x02";
        bytes[400..400 + row.len()].copy_from_slice(row);
        bytes[512..512 + root.len()].copy_from_slice(root);
        bytes
    }

    fn read(root: &[u8]) -> Result<Vec<Vec<u8>>, RpmError> {
        let mut found = Vec::new();
        headers(&database(root), &mut |header| {
            found.push(header.to_vec());
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn a_tree_that_is_a_loop_and_rows_that_lie_are_refused() {
        // A leaf with a row in place: a number that is the key, and a header of three bytes.
        let mut leaf = vec![LEAF, 0, 0, 0, 1, 0, 0, 0, 0, 20];
        leaf.resize(20, 0);
        leaf.extend(b"\x06\x01\x03\0\x12abc");
        assert_eq!(read(&leaf), Ok(vec![b"abc".to_vec()]));
        let itself = [INTERIOR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(read(&itself), Err(malformed("its tree is a loop")));
        let far = [INTERIOR, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(read(&far), Err(malformed("a page is missing")));
        // A record that is longer than the file.
        leaf[20..23].copy_from_slice(b"\xff\xff\x7f");
        assert_eq!(read(&leaf), Err(malformed("a row is cut")));
    }
}
