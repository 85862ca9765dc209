//! [`encode_header`]: the header of one tar entry: POSIX ustar, with a PAX extended header only if ustar cannot say it.
//!
//! Takes what an entry is; gives the blocks that come before its content. The same entry always gives the same
//! bytes: records are sorted, names of users and groups are left out, everything that tar leaves open is fixed.
//!
//! Source: POSIX.1-2024 `pax`; the `SCHILY.xattr.` records of star, as Go's `archive/tar` reads them. Names that are
//! no UTF-8 go into the records as raw bytes, as Go's writer does: all container tools and GNU tar read them back
//! (a `hdrcharset` record, which POSIX asks for, is reported as unknown by most).

use std::collections::BTreeMap;

use super::header::BLOCK;
use crate::rootfs::{Metadata, Mtime};

/// Longest name or link target in a ustar header, in bytes.
const NAME: usize = 100;
/// Largest value of a seven-digit octal field: owner, group, device number.
const OCTAL_7: u64 = 0o777_7777;
/// Largest value of an eleven-digit octal field: size, time.
const OCTAL_11: u64 = 0o777_7777_7777;

/// Why an entry cannot be written as tar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A device number beyond what tar has room for.
    #[error("device number {0} is above 2097151, the largest in tar")]
    Device(u32),
    /// A PAX record ends its key with `=`, so a key cannot hold one.
    #[error("the name of extended attribute {0:?} contains \"=\", which tar cannot express")]
    XattrName(String),
}

/// The type of an entry, with what only this type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryShape<'a> {
    Directory,
    File { size: u64 },
    HardLink { target: &'a [u8] },
    Symlink { target: &'a [u8] },
    CharDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
    Fifo,
}

impl EntryShape<'_> {
    fn typeflag(self) -> u8 {
        match self {
            Self::File { .. } => b'0',
            Self::HardLink { .. } => b'1',
            Self::Symlink { .. } => b'2',
            Self::CharDevice { .. } => b'3',
            Self::BlockDevice { .. } => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
        }
    }
}

/// Encodes an entry. `name` is as tar names it: relative, with a slash at the end for directories. Hard links
/// carry the full metadata too: extractors set the owner through every name, which makes the kernel drop setuid
/// bits and file capabilities that the first name had.
pub(crate) fn encode_header(
    name: &[u8],
    shape: EntryShape<'_>,
    meta: &Metadata,
    mtime: Mtime,
) -> Result<Vec<u8>, HeaderError> {
    let size = match shape {
        EntryShape::File { size } => size,
        _ => 0,
    };
    let link = match shape {
        EntryShape::HardLink { target } | EntryShape::Symlink { target } => target,
        _ => b"",
    };
    let mut records: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    // ustar could split a name into prefix and name; PAX alone gives one form for all lengths, as readers differ in
    // how they join the two.
    if name.len() > NAME {
        records.insert(b"path".to_vec(), name.to_vec());
    }
    if link.len() > NAME {
        records.insert(b"linkpath".to_vec(), link.to_vec());
    }
    let numbers = [
        ("uid", u64::from(meta.uid), OCTAL_7),
        ("gid", u64::from(meta.gid), OCTAL_7),
        ("size", size, OCTAL_11),
    ];
    for (key, value, _) in numbers.iter().filter(|(_, value, max)| value > max) {
        records.insert(key.as_bytes().to_vec(), value.to_string().into_bytes());
    }
    let seconds = u64::try_from(mtime.secs).ok().filter(|&s| s <= OCTAL_11);
    if seconds.is_none() || mtime.nanos != 0 {
        records.insert(b"mtime".to_vec(), decimal(mtime).into_bytes());
    }
    for (key, value) in &meta.xattrs {
        // What overlayfs keeps for itself is no part of the tree; a container never sees it, and written to another
        // overlay it would hide what lower layers hold.
        if key.starts_with(b"trusted.overlay.") {
            continue;
        }
        if key.contains(&b'=') {
            return Err(HeaderError::XattrName(crate::rootfs::escape_bytes(key)));
        }
        records.insert([b"SCHILY.xattr.", &key[..]].concat(), value.clone());
    }

    let mut out = Vec::with_capacity(BLOCK);
    if !records.is_empty() {
        let data: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v)).collect();
        // The name is fixed: the usual one has the pid of the writer in it, and the same image must give the same
        // bytes.
        let mut block = HeaderBlock::new(b"PaxHeaders/entry", b'x', b"");
        block.octal(100..108, 0o644);
        block.octal(124..136, data.len() as u64);
        out.extend_from_slice(&block.finish());
        out.extend_from_slice(&data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    let mut block = HeaderBlock::new(name, shape.typeflag(), link);
    block.octal(100..108, u64::from(meta.mode & 0o7777));
    block.octal(108..116, fitting(u64::from(meta.uid), OCTAL_7));
    block.octal(116..124, fitting(u64::from(meta.gid), OCTAL_7));
    block.octal(124..136, fitting(size, OCTAL_11));
    // A reader that ignores PAX gets 1970 and not a time that wrapped.
    block.octal(136..148, seconds.unwrap_or(0));
    if let EntryShape::CharDevice { major, minor } | EntryShape::BlockDevice { major, minor } =
        shape
    {
        for (number, field) in [(major, 329..337), (minor, 337..345)] {
            if u64::from(number) > OCTAL_7 {
                return Err(HeaderError::Device(number));
            }
            block.octal(field, u64::from(number));
        }
    }
    out.extend_from_slice(&block.finish());
    Ok(out)
}

/// 0 if a PAX record says the value, as Go writes it.
fn fitting(value: u64, max: u64) -> u64 {
    if value > max { 0 } else { value }
}

/// Seconds as a decimal number. Below zero the fraction counts away from zero: -1.5 is half a second before -1.
fn decimal(time: Mtime) -> String {
    let nanos = i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
    let sign = if nanos < 0 { "-" } else { "" };
    let (secs, fraction) = (
        nanos.unsigned_abs() / 1_000_000_000,
        nanos.unsigned_abs() % 1_000_000_000,
    );
    let text = format!("{sign}{secs}.{fraction:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    // A length such as 99 grows by a digit when it counts itself; twice is enough.
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

struct HeaderBlock([u8; BLOCK]);

impl HeaderBlock {
    fn new(name: &[u8], typeflag: u8, link: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        let name = &name[..name.len().min(NAME)];
        let link = &link[..link.len().min(NAME)];
        block[..name.len()].copy_from_slice(name);
        block[156] = typeflag;
        block[157..157 + link.len()].copy_from_slice(link);
        // No names of users and groups: they would be this host's, and extractors prefer them to the numbers.
        block[257..265].copy_from_slice(b"ustar\x0000");
        let mut block = Self(block);
        for field in [108..116, 116..124, 329..337, 337..345] {
            block.octal(field, 0);
        }
        for field in [124..136, 136..148] {
            block.octal(field, 0);
        }
        block
    }

    /// Octal digits to the width of the field, ended by a zero byte.
    fn octal(&mut self, field: std::ops::Range<usize>, value: u64) {
        let width = field.len() - 1;
        let digits = format!("{value:0width$o}");
        self.0[field][..width].copy_from_slice(digits.as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|&byte| u32::from(byte)).sum();
        // Six digits, a NUL and a blank: the one field that is not ended by a NUL alone, by tradition.
        self.0[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Metadata {
        Metadata {
            mode: 0o644,
            ..Metadata::default()
        }
    }

    #[test]
    fn an_ordinary_entry_needs_one_block() {
        let name = [b'n'; NAME];
        let time = Mtime { secs: 1, nanos: 0 };
        let header = encode_header(&name, EntryShape::File { size: 5 }, &plain(), time).unwrap();
        assert_eq!(header.len(), BLOCK);
        let parsed = tar::Header::from_byte_slice(&header);
        assert_eq!(parsed.path_bytes().as_ref(), name);
        assert_eq!(parsed.size().unwrap(), 5);
        assert_eq!(parsed.mtime().unwrap(), 1);
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(i, &b)| u32::from(if (148..156).contains(&i) { b' ' } else { b }))
            .sum();
        assert_eq!(parsed.cksum().unwrap(), sum);
    }

    #[test]
    fn what_ustar_cannot_say_goes_into_sorted_records() {
        let meta = Metadata {
            uid: 3_000_000,
            xattrs: BTreeMap::from([(b"user.a".to_vec(), b"\n\0=".to_vec())]),
            ..plain()
        };
        let name = [0xff; NAME + 1];
        let mtime = Mtime {
            secs: -2,
            nanos: 500_000_000,
        };
        let header =
            encode_header(&name, EntryShape::File { size: 1 << 33 }, &meta, mtime).unwrap();
        let expected = [
            &b"27 SCHILY.xattr.user.a=\n\0=\n14 mtime=-1.5\n111 path="[..],
            &name,
            b"\n19 size=8589934592\n15 uid=3000000\n",
        ]
        .concat();
        assert_eq!(&header[BLOCK..BLOCK + expected.len()], expected);
        assert_eq!(header.len(), 3 * BLOCK);
    }

    #[test]
    fn the_length_of_a_record_counts_its_own_digits() {
        for length in [0, 90, 91, 92, 93, 94, 95, 96, 989, 990, 991, 992] {
            let record = record(b"k", &vec![b'v'; length]);
            let digits = record.iter().position(|&b| b == b' ').unwrap();
            let said: usize = std::str::from_utf8(&record[..digits])
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(said, record.len());
        }
    }

    #[test]
    fn times_are_written_exactly() {
        for (secs, nanos, text) in [
            (0, 1, "0.000000001"),
            (7, 120_000_000, "7.12"),
            (-1, 999_999_999, "-0.000000001"),
            (-10, 0, "-10"),
            (i64::MIN, 0, "-9223372036854775808"),
        ] {
            assert_eq!(decimal(Mtime { secs, nanos }), text);
        }
    }

    #[test]
    fn what_tar_cannot_express_is_an_error() {
        let device = EntryShape::CharDevice {
            major: 1 << 21,
            minor: 0,
        };
        let error = encode_header(b"d", device, &plain(), Mtime::default()).unwrap_err();
        assert_eq!(error, HeaderError::Device(1 << 21));
        let meta = Metadata {
            xattrs: BTreeMap::from([(b"user.a=b".to_vec(), Vec::new())]),
            ..plain()
        };
        let error = encode_header(b"f", EntryShape::Fifo, &meta, Mtime::default()).unwrap_err();
        assert_eq!(error, HeaderError::XattrName("user.a=b".into()));
    }

    #[test]
    fn overlayfs_internals_stay_out() {
        let meta = Metadata {
            xattrs: BTreeMap::from([(b"trusted.overlay.opaque".to_vec(), b"y".to_vec())]),
            ..plain()
        };
        let header = encode_header(b"d/", EntryShape::Directory, &meta, Mtime::default()).unwrap();
        assert_eq!(header.len(), BLOCK);
    }
}
