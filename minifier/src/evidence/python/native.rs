//! Names of modules in native code.
//!
//! A module in C or Cython imports by strings in its read-only data. Which of them are imported cannot be seen; those
//! that are no modules resolve to nothing.

use std::collections::BTreeSet;

use super::facts::{Facts, Import, When, is_dotted};

/// Bytes of a module in native code that are looked at. The largest of NumPy, SciPy and pandas has 12 MB.
pub(crate) const MAX_NATIVE: u64 = 32 << 20;
/// Names that are taken from one.
const MAX_NAMES: usize = 20_000;

/// The strings between NULs that can be names of modules: dotted ones, and others as those of siblings.
pub(crate) fn names(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let mut names = BTreeSet::new();
    let mut from = 0;
    for to in memchr::memchr_iter(0, bytes) {
        let string = &bytes[std::mem::replace(&mut from, to + 1)..to];
        if string.len() < 4 || string.len() > 200 {
            continue;
        }
        let Ok(string) = std::str::from_utf8(string) else {
            continue;
        };
        if is_dotted(string, 0) && string.is_ascii() {
            names.insert(string);
        }
        if names.len() >= MAX_NAMES {
            break;
        }
    }
    for name in names {
        facts.imports.push(Import {
            level: u32::from(!name.contains('.')),
            module: name.to_owned(),
            names: Vec::new(),
            when: When::Load,
            tried: None,
            line: 0,
        });
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_between_nuls() {
        let facts = names(b"\x7fELF\0pandas._libs.base\0 no.name\0_sibling\0a\0cut.off");
        let found: Vec<_> = facts
            .imports
            .iter()
            .map(|i| (i.level, &*i.module))
            .collect();
        assert_eq!(found, [(1, "_sibling"), (0, "pandas._libs.base")]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            names(&bytes);
        }
    }
}
