//! `.note.dlopen`: what a program loads by `dlopen`, as its authors declare it.
//!
//! Source: UAPI group, "ELF Package/dlopen metadata" (`ELF_DLOPEN_METADATA`): owner `FDO`, type 0x407c0c0a, a JSON
//! array.

use serde::Deserialize;

const OWNER: &[u8] = b"FDO";
const TYPE: u32 = 0x407c_0c0a;

/// One feature of an ELF file that loads a library at run time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dlopen {
    /// How much it matters.
    #[serde(default)]
    pub priority: DlopenPriority,
    /// Names to try in this order; the first one that loads serves.
    #[serde(default)]
    pub soname: Vec<String>,
}

/// How much a `dlopen`ed library matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DlopenPriority {
    /// The program does not work without it.
    Required,
    /// Wanted by default, with something lost without it.
    #[default]
    Recommended,
    /// A secondary feature; also every value that the specification does not have.
    #[serde(other)]
    Suggested,
}

/// The declarations in the bytes of a `PT_NOTE` segment; notes of other owners and broken ones are passed over.
pub(crate) fn dlopen_notes(segment: &[u8], align: usize, little_endian: bool) -> Vec<Dlopen> {
    let mut found = Vec::new();
    notes(segment, align, little_endian, |owner, kind, text| {
        if owner == OWNER && kind == TYPE {
            let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
            found.extend(
                serde_json::from_slice::<Vec<Dlopen>>(&text[..end])
                    .into_iter()
                    .flatten(),
            );
        }
    });
    found
}

/// Whether a note says that Go's linker made the file.
pub(crate) fn has_go_note(segment: &[u8], align: usize, little_endian: bool) -> bool {
    let mut go = false;
    notes(segment, align, little_endian, |owner, _, _| {
        go |= owner == b"Go";
    });
    go
}

fn notes(
    segment: &[u8],
    align: usize,
    little_endian: bool,
    mut each: impl FnMut(&[u8], u32, &[u8]),
) {
    let word = |at: usize| {
        let bytes = segment.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little_endian {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let padded = |at: usize, len: u32| {
        at.checked_add(usize::try_from(len).ok()?)?
            .checked_next_multiple_of(align)
    };
    let mut at = 0;
    while let (Some(name_len), Some(text_len), Some(kind)) = (word(at), word(at + 4), word(at + 8))
    {
        let name_at = at + 12;
        let Some(text_at) = padded(name_at, name_len) else {
            return;
        };
        let Some(next) = padded(text_at, text_len) else {
            return;
        };
        let (Some(name), Some(text)) = (
            segment.get(name_at..name_at + name_len as usize),
            segment.get(text_at..text_at + text_len as usize),
        ) else {
            return;
        };
        let owner = name.strip_suffix(b"\0").unwrap_or(name);
        each(owner, kind, text);
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(owner: &[u8], kind: u32, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend((owner.len() as u32 + 1).to_le_bytes());
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(owner);
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(text);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    #[test]
    fn declarations_are_read_and_other_notes_passed_over() {
        let json = br#"[{"feature":"zstd","description":"","priority":"suggested","soname":["libzstd.so.1"]},
            {"soname":["libx.so.2","libx.so.1"],"priority":"required"},{"soname":["liby.so"]}]"#;
        let segment = [note(b"GNU", 3, b"buildid1"), note(OWNER, TYPE, json)].concat();
        let found = dlopen_notes(&segment, 4, true);
        let priorities: Vec<_> = found.iter().map(|entry| entry.priority).collect();
        assert_eq!(
            priorities,
            [
                DlopenPriority::Suggested,
                DlopenPriority::Required,
                DlopenPriority::Recommended
            ]
        );
        assert_eq!(found[1].soname, ["libx.so.2", "libx.so.1"]);
    }

    #[test]
    fn broken_notes_give_nothing() {
        let mut broken = note(OWNER, TYPE, b"[{]");
        assert!(dlopen_notes(&broken, 4, true).is_empty());
        broken[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(dlopen_notes(&broken, 4, true).is_empty());
        assert!(dlopen_notes(&note(OWNER, TYPE, b"[]")[..20], 4, true).is_empty());
    }

    proptest! {
        #[test]
        fn any_notes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..80), little: bool) {
            for align in [4, 8] {
                let notes = [note(OWNER, TYPE, b"[{\"soname\":[\"a\"]}]"), bytes.clone()].concat();
                prop_assert_eq!(dlopen_notes(&notes, 4, true).len(), 1);
                dlopen_notes(&bytes, align, little);
            }
        }
    }
}
