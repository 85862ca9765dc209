//! PAX extended headers: `length key=value\n` records before the member that they are about.
//!
//! Source: POSIX.1 `pax`, "pax Header Block"; Go's `archive/tar/strconv.go`.

use std::collections::BTreeMap;

use crate::rootfs::Mtime;

/// Records of one extended header.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Pax {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// `GNU.sparse.offset` and `GNU.sparse.numbytes` come many times over, in turn.
    sparse: Vec<u64>,
}

/// Prefix of the records that carry extended attributes.
const XATTR: &[u8] = b"SCHILY.xattr.";

impl Pax {
    /// Parses the body of an `x` member.
    pub(crate) fn parse(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let mut pax = Self::default();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or("the extended header is malformed")?;
            bytes = rest;
            // The format 0.0 repeats one pair of keys for every fragment, which a map of keys to values would lose.
            let offset_is_next = pax.sparse.len().is_multiple_of(2);
            match key {
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    if (key == b"GNU.sparse.offset") != offset_is_next {
                        return Err("the sparse map of the extended header is out of order");
                    }
                    let number = decimal(value)
                        .ok_or("the sparse map of the extended header is malformed")?;
                    pax.sparse.push(number);
                }
                _ => {
                    // A key that comes twice counts with its last value (POSIX.1 `pax`).
                    pax.records.insert(key.to_vec(), value.to_vec());
                }
            }
        }
        Ok(pax)
    }

    /// A record's value; `None` if there is none or it is empty, which means "as in the plain header".
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.records
            .get(key.as_bytes())
            .map(Vec::as_slice)
            .filter(|value| !value.is_empty())
    }

    /// A record that must be a decimal number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, String> {
        self.get(key)
            .map(|value| {
                decimal(value)
                    .ok_or_else(|| format!("{key} of the extended header is not a number"))
            })
            .transpose()
    }

    /// The `mtime` record.
    pub(crate) fn mtime(&self) -> Result<Option<Mtime>, &'static str> {
        self.get("mtime")
            .map(|value| time(value).ok_or("mtime of the extended header is not a time"))
            .transpose()
    }

    /// Extended attributes by full name.
    pub(crate) fn take_xattrs(&mut self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut xattrs = BTreeMap::new();
        // Taken by range and not by splitting the key: names of attributes may contain any bytes but NUL.
        let keys: Vec<Vec<u8>> = self
            .records
            .range(XATTR.to_vec()..)
            .take_while(|(key, _)| key.starts_with(XATTR))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            if let Some(value) = self.records.remove(&key) {
                xattrs.insert(key[XATTR.len()..].to_vec(), value);
            }
        }
        xattrs
    }

    /// The sparse map of the formats 0.0 and 0.1 as offsets and lengths in turn; `None` if there is none.
    pub(crate) fn sparse_numbers(&self) -> Result<Option<Vec<u64>>, &'static str> {
        if !self.sparse.is_empty() {
            return Ok(Some(self.sparse.clone()));
        }
        let Some(map) = self.get("GNU.sparse.map") else {
            return Ok(None);
        };
        map.split(|&b| b == b',')
            .map(|number| {
                decimal(number).ok_or("the sparse map of the extended header is malformed")
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Key, value, and the bytes after the record.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // 20 digits are more than a length can have; without the bound, a header of one endless number would be searched
    // whole.
    let space = bytes.iter().take(20).position(|&b| b == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
    let body = bytes.get(space + 1..length)?;
    let (b'\n', body) = body.split_last()? else {
        return None;
    };
    let equals = body.iter().position(|&b| b == b'=')?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    // Names with a NUL would be cut by the kernel and by C programs, so that two readers see two names. Go refuses
    // them too; values of attributes are bytes.
    let is_text = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
    if key.is_empty() || key.contains(&0) || (is_text && value.contains(&0)) {
        return None;
    }
    Some((key, value, &bytes[length..]))
}

/// Digits only, up to `i64::MAX`: what Go takes.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0i64, |value, &b| {
            let digit = b.is_ascii_digit().then(|| i64::from(b - b'0'))?;
            value.checked_mul(10)?.checked_add(digit)
        })
        .map(i64::cast_unsigned)
}

/// `[-]seconds[.fraction]`; digits below a nanosecond are cut off.
fn time(text: &[u8]) -> Option<Mtime> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut parts = digits.splitn(2, |&b| b == b'.');
    let secs = decimal(parts.next()?)?.cast_signed();
    let fraction = parts.next().unwrap_or_default();
    let mut nanos = 0u32;
    for i in 0..9 {
        let digit = match fraction.get(i) {
            None => 0,
            Some(b) if b.is_ascii_digit() => u32::from(b - b'0'),
            Some(_) => return None,
        };
        nanos = nanos * 10 + digit;
    }
    // Digits below a nanosecond do not count, but they must be digits.
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(match (negative, nanos) {
        (false, _) => Mtime { secs, nanos },
        (true, 0) => Mtime { secs: -secs, nanos },
        // The nanoseconds of a `timespec` count forward, also before 1970: -1.5 s is -2 s and half a second.
        (true, _) => Mtime {
            secs: -secs - 1,
            nanos: 1_000_000_000 - nanos,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_nanoseconds_on_both_sides_of_the_epoch() {
        for (text, secs, nanos) in [
            ("1350244992.023960108", 1_350_244_992, 23_960_108),
            ("5", 5, 0),
            ("5.", 5, 0),
            ("0.0000000019", 0, 1),
            ("-1", -1, 0),
            ("-1.5", -2, 500_000_000),
            ("-0.000000001", -1, 999_999_999),
        ] {
            assert_eq!(time(text.as_bytes()), Some(Mtime { secs, nanos }), "{text}");
        }
        for bad in ["", "-", ".5", "1.x", "1.0000000000x", "1e3", "+1"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn records_may_hold_any_bytes_in_attribute_values() {
        let mut pax = Pax::parse(b"29 SCHILY.xattr.user.k=\0\n=\xff1\n").unwrap();
        assert_eq!(
            pax.take_xattrs(),
            BTreeMap::from([(b"user.k".to_vec(), b"\0\n=\xff1".to_vec())])
        );
    }

    #[test]
    fn malformed_records_are_errors() {
        for bad in [
            &b"x"[..],
            b"9 a=b\n",
            b"5 a=b\n",
            b"99999999999999999999 a=b\n",
            b"6 a=bc",
            b"5 ab\n",
            b"5 =b\n",
            b"10 path=\0\n",
        ] {
            assert!(Pax::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
