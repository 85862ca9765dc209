//! `/etc/ld.so.cache`: library names with the paths that `ldconfig` found.
//!
//! Source: glibc `sysdeps/generic/dl-cache.h`.

use std::collections::BTreeMap;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;

/// One library of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheEntry {
    pub(crate) path: Vec<u8>,
    /// Only for some CPUs; the search goes on for others.
    pub(crate) variant: bool,
}

/// Libraries by name, each in the order of the cache.
pub(crate) type LdCache = BTreeMap<Vec<u8>, Vec<CacheEntry>>;

/// Reads a cache in the new format, alone or after one in the old format, or in the old format alone. Entries that
/// point outside are passed over; bytes that are no cache give none.
pub(crate) fn parse_cache(bytes: &[u8]) -> LdCache {
    // glibc up to 2.31 writes the old table first, for older linkers, and the new one behind it at the next multiple
    // of 8.
    let new_at = if bytes.starts_with(OLD_MAGIC) {
        word(bytes, 12, Order::Little)
            .map(|count| OLD_HEADER.saturating_add((count as usize).saturating_mul(OLD_ENTRY)))
            .map(|end| end.saturating_add(7) & !7)
    } else {
        Some(0)
    };
    let new = new_at.and_then(|at| bytes.get(at..));
    match new {
        Some(new) if new.starts_with(NEW_MAGIC) => parse_new(new),
        _ if bytes.starts_with(OLD_MAGIC) => parse_old(bytes),
        _ => LdCache::new(),
    }
}

fn parse_new(bytes: &[u8]) -> LdCache {
    // The byte order is that of the machine; newer glibc says which in the flags, where 0 means unknown.
    let flagged = bytes.get(28).map(|flags| flags & 3);
    let order = match flagged {
        Some(3) => Order::Big,
        Some(2) => Order::Little,
        _ => guess_order(bytes),
    };
    let mut cache = LdCache::new();
    let count = word(bytes, 20, order).unwrap_or(0) as usize;
    let entries = bytes.get(NEW_HEADER..).unwrap_or_default();
    for entry in entries.chunks_exact(NEW_ENTRY).take(count) {
        let field = |at| word(entry, at, order).unwrap_or(0);
        let hwcap = (field(16), field(20));
        // In the new format, offsets count from the start of the new header.
        add(&mut cache, bytes, field(4), field(8), hwcap != (0, 0));
    }
    cache
}

fn parse_old(bytes: &[u8]) -> LdCache {
    let mut cache = LdCache::new();
    let count = word(bytes, 12, Order::Little).unwrap_or(0) as usize;
    let entries = bytes.get(OLD_HEADER..).unwrap_or_default();
    // Offsets count from the end of the table.
    let strings = entries
        .get(count.saturating_mul(OLD_ENTRY)..)
        .unwrap_or_default();
    for entry in entries.chunks_exact(OLD_ENTRY).take(count) {
        let field = |at| word(entry, at, Order::Little).unwrap_or(0);
        add(&mut cache, strings, field(4), field(8), false);
    }
    cache
}

fn add(cache: &mut LdCache, strings: &[u8], name: u32, path: u32, variant: bool) {
    if let (Some(name), Some(path)) = (string(strings, name), string(strings, path))
        && path.starts_with(b"/")
    {
        cache.entry(name.to_vec()).or_default().push(CacheEntry {
            path: path.to_vec(),
            variant,
        });
    }
}

/// The longest path that Linux knows; without a bound, garbage could make a cache grow with the square of its size.
const MAX_STRING: usize = 4096;

fn string(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let tail = bytes.get(at as usize..)?;
    let end = tail.iter().take(MAX_STRING).position(|&b| b == 0)?;
    (end > 0).then(|| &tail[..end])
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

/// The order in which the table fits into the file.
fn guess_order(bytes: &[u8]) -> Order {
    let fits = |order| {
        let count = word(bytes, 20, order).unwrap_or(0) as usize;
        count.saturating_mul(NEW_ENTRY) <= bytes.len()
    };
    if fits(Order::Little) {
        Order::Little
    } else {
        Order::Big
    }
}

fn word(bytes: &[u8], at: usize, order: Order) -> Option<u32> {
    let word = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(match order {
        Order::Little => u32::from_le_bytes(word),
        Order::Big => u32::from_be_bytes(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new_format(entries: &[(&str, &str, u64)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let base = (NEW_HEADER + entries.len() * NEW_ENTRY) as u32;
        let mut intern = |text: &str| {
            let at = base + strings.len() as u32;
            strings.extend(text.as_bytes());
            strings.push(0);
            at
        };
        let mut table = Vec::new();
        for (name, path, hwcap) in entries {
            table.extend(0x0303_u32.to_le_bytes());
            table.extend(intern(name).to_le_bytes());
            table.extend(intern(path).to_le_bytes());
            table.extend(0_u32.to_le_bytes());
            table.extend(hwcap.to_le_bytes());
        }
        let mut out = NEW_MAGIC.to_vec();
        out.extend((entries.len() as u32).to_le_bytes());
        out.extend((strings.len() as u32).to_le_bytes());
        out.push(2);
        out.resize(NEW_HEADER, 0);
        [out, table, strings].concat()
    }

    fn expected() -> LdCache {
        let entry = |path: &str, variant| CacheEntry {
            path: path.into(),
            variant,
        };
        LdCache::from([(
            b"liba.so.1".to_vec(),
            vec![
                entry("/lib/glibc-hwcaps/x86-64-v3/liba.so.1", true),
                entry("/lib/liba.so.1", false),
            ],
        )])
    }

    #[test]
    fn the_new_format_is_read_with_variants() {
        let bytes = new_format(&[
            (
                "liba.so.1",
                "/lib/glibc-hwcaps/x86-64-v3/liba.so.1",
                1 << 62,
            ),
            ("liba.so.1", "/lib/liba.so.1", 0),
        ]);
        assert_eq!(parse_cache(&bytes), expected());
    }

    #[test]
    fn the_new_format_is_found_behind_the_old_one() {
        let new = new_format(&[
            (
                "liba.so.1",
                "/lib/glibc-hwcaps/x86-64-v3/liba.so.1",
                1 << 62,
            ),
            ("liba.so.1", "/lib/liba.so.1", 0),
        ]);
        let mut bytes = b"ld.so-1.7.0\0".to_vec();
        bytes.extend(1_u32.to_le_bytes());
        bytes.resize(32, 0);
        bytes.extend(new);
        assert_eq!(parse_cache(&bytes), expected());
    }

    #[test]
    fn the_old_format_alone_is_read() {
        let mut bytes = b"ld.so-1.7.0\0".to_vec();
        for word in [1_u32, 3, 0, 5] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(b"libb\0/lib/libb\0");
        assert_eq!(
            parse_cache(&bytes)[b"libb".as_slice()][0].path,
            b"/lib/libb"
        );
    }

    #[test]
    fn the_cache_of_this_host_knows_libc() {
        let cache = parse_cache(&std::fs::read("/etc/ld.so.cache").unwrap());
        let path = &cache[b"libc.so.6".as_slice()][0].path;
        let path = std::str::from_utf8(path).unwrap();
        assert!(std::path::Path::new(path).exists(), "{path}");
    }

    proptest! {
        #[test]
        fn garbage_is_no_cache_and_no_panic(
            tail in proptest::collection::vec(any::<u8>(), 0..400),
            magic in proptest::sample::select(vec![OLD_MAGIC, NEW_MAGIC, b""]),
        ) {
            let cache = parse_cache(&[magic, &tail].concat());
            prop_assert!(cache.values().flatten().all(|entry| entry.path.starts_with(b"/")));
        }
    }
}
