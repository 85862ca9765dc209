//! One 512-byte tar header block: its fields and its checksum, in the dialects V7, ustar, PAX, STAR and old GNU.
//!
//! Source: POSIX.1 `pax`, the GNU tar manual ("Basic Tar Format"), Go's `archive/tar/format.go` and `reader.go`.

use crate::rootfs::Mtime;

/// Size of a header, and what bodies are padded to.
pub(crate) const BLOCK: usize = 512;

/// A block of a tar.
pub(crate) type Block = [u8; BLOCK];

const CHECKSUM: std::ops::Range<usize> = 148..156;

/// A header block whose checksum is right.
pub(crate) struct Header<'a> {
    block: &'a Block,
    dialect: Dialect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// Checks the checksum, which is either the unsigned sum or, in old archives, the signed one.
    pub(crate) fn parse(block: &'a Block) -> Result<Self, &'static str> {
        let stored = number(&block[CHECKSUM]).ok_or("the checksum is not a number")?;
        // The sum is made as if the checksum itself were blanks (POSIX.1 `ustar`).
        let blanked = |i: usize, b: u8| if CHECKSUM.contains(&i) { b' ' } else { b };
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (i, &b) in block.iter().enumerate() {
            let b = blanked(i, b);
            unsigned += i64::from(b);
            // Some old tars summed signed characters. The two sums differ only if a name has bytes above 127.
            signed += i64::from(b.cast_signed());
        }
        if stored != unsigned && stored != signed {
            return Err("the checksum is wrong");
        }
        let dialect = match &block[257..263] {
            b"ustar\0" if &block[508..512] == b"tar\0" => Dialect::Star,
            b"ustar\0" => Dialect::Ustar,
            // GNU wrote its magic before POSIX had settled on one: a blank where ustar has a NUL.
            b"ustar " if &block[263..265] == b" \0" => Dialect::Gnu,
            _ => Dialect::V7,
        };
        Ok(Self { block, dialect })
    }

    /// The name with its prefix; the longest there can be is 256 bytes.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = text(&self.block[..100]);
        let prefix = match self.dialect {
            Dialect::V7 => &[][..],
            Dialect::Ustar => text(&self.block[345..500]),
            // STAR keeps access and change times in what is the end of ustar's prefix.
            Dialect::Star => text(&self.block[345..476]),
            // Go before 1.8 (Docker before 17.06) wrote a prefix into GNU headers, over the times that stand there.
            Dialect::Gnu if self.gnu_times_are_numbers() => &[][..],
            Dialect::Gnu => Some(text(&self.block[345..500]))
                .filter(|p| p.is_ascii())
                .unwrap_or_default(),
        };
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    fn gnu_times_are_numbers(&self) -> bool {
        [&self.block[345..357], &self.block[357..369]]
            .iter()
            .all(|field| field[0] == 0 || number(field).is_some())
    }

    /// The target of a link, at most 100 bytes.
    pub(crate) fn link_name(&self) -> &'a [u8] {
        text(&self.block[157..257])
    }

    pub(crate) fn type_flag(&self) -> u8 {
        self.block[156]
    }

    pub(crate) fn mode(&self) -> Result<u32, &'static str> {
        let mode = number(&self.block[100..108]).ok_or("the mode is not a number")?;
        // Old archives have the file type in the upper bits.
        Ok((mode & 0o7777) as u32)
    }

    pub(crate) fn uid(&self) -> Result<i64, &'static str> {
        number(&self.block[108..116]).ok_or("the owner is not a number")
    }

    pub(crate) fn gid(&self) -> Result<i64, &'static str> {
        number(&self.block[116..124]).ok_or("the group is not a number")
    }

    pub(crate) fn size(&self) -> Result<i64, &'static str> {
        number(&self.block[124..136]).ok_or("the size is not a number")
    }

    pub(crate) fn mtime(&self) -> Result<Mtime, &'static str> {
        let secs = number(&self.block[136..148]).ok_or("the time is not a number")?;
        Ok(Mtime { secs, nanos: 0 })
    }

    /// Major and minor number; zero in archives that have no such fields.
    pub(crate) fn device(&self) -> Result<(i64, i64), &'static str> {
        // There the bytes belong to nothing and need not be numbers.
        if self.dialect == Dialect::V7 {
            return Ok((0, 0));
        }
        let major = number(&self.block[329..337]).ok_or("the major number is not a number")?;
        let minor = number(&self.block[337..345]).ok_or("the minor number is not a number")?;
        Ok((major, minor))
    }

    /// Whether it is the dialect whose `S` members are sparse.
    pub(crate) fn is_gnu(&self) -> bool {
        self.dialect == Dialect::Gnu
    }
}

/// Bytes up to the first NUL.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// A number in octal text or in GNU's base 256; an empty field is 0.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    // The octal field of a size ends at 8 GiB; GNU marks a binary number by its first bit.
    if first & 0x80 != 0 {
        return base256(first, rest);
    }
    // Writers pad on either side, with blanks, with NULs, or with both.
    let is_filler = |b: &u8| *b == b' ' || *b == 0;
    let start = field.iter().position(|b| !is_filler(b));
    let Some(start) = start else { return Some(0) };
    let digits = text(&field[start..]);
    let digits = digits.trim_ascii_end();
    digits.iter().try_fold(0i64, |value, &b| {
        let digit = (b'0'..=b'7').contains(&b).then(|| i64::from(b - b'0'))?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

/// Two's complement, big-endian; bit 7 of the first byte is the mark, bit 6 the sign.
fn base256(first: u8, rest: &[u8]) -> Option<i64> {
    let negative = first & 0x40 != 0;
    let flip = if negative { 0xff } else { 0 };
    let mut value: u64 = 0;
    for (i, &byte) in std::iter::once(&first).chain(rest).enumerate() {
        let byte = (byte ^ flip) & if i == 0 { 0x7f } else { 0xff };
        // The next byte would push bits out. Twelve bytes can say more than 64 bits.
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { !value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_octal_or_base_256() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"  755 \0\0", Some(0o755)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"0000008\0", None),
            (b"12x\0\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\x01\x00", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                Some(i64::MAX),
            ),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\x81\0\0\0\0\0\0\0\0\0\0\0", None),
        ] {
            assert_eq!(number(field), expected, "{field:x?}");
        }
    }
}
