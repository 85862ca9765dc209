//! [`Btf`]: the kernel's type information as it is stored, read in one pass that keeps where each type starts.
//!
//! A kernel describes some 100,000 types, and tracing needs about forty: the rest is skipped. A library that builds the
//! whole graph of types took most of the time of attaching. The bytes may come from a file that the user names, so they are
//! not trusted: bad ones give an error or `None`, never a panic.
//!
//! Source: the kernel's Documentation/bpf/btf.rst and include/uapi/linux/btf.h.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

/// `BTF_MAGIC`, in the machine's byte order.
const MAGIC: u16 = 0xeb9f;
/// `struct btf_header`
const HEADER: usize = 24;
/// `struct btf_type`
const TYPE: usize = 12;

/// `BTF_KIND_*`
pub(crate) mod kind {
    pub(crate) const PTR: u8 = 2;
    pub(crate) const ARRAY: u8 = 3;
    pub(crate) const STRUCT: u8 = 4;
    pub(crate) const UNION: u8 = 5;
    pub(crate) const ENUM: u8 = 6;
    pub(crate) const FWD: u8 = 7;
    pub(crate) const TYPEDEF: u8 = 8;
    pub(crate) const VOLATILE: u8 = 9;
    pub(crate) const CONST: u8 = 10;
    pub(crate) const RESTRICT: u8 = 11;
    pub(crate) const FUNC: u8 = 12;
    pub(crate) const FUNC_PROTO: u8 = 13;
    pub(crate) const TYPE_TAG: u8 = 18;
}

/// Bytes after the `struct btf_type` of a kind: for each of its `vlen` parts, and once. `None` for an unknown kind, after
/// which no further type can be found.
fn behind(kind: u8) -> Option<(usize, usize)> {
    Some(match kind {
        // An integer's encoding, a variable's linkage, a tag's component.
        1 | 14 | 17 => (0, 4),
        kind::ARRAY => (0, 12),
        // Members, sections' variables, 64-bit enumerators.
        kind::STRUCT | kind::UNION | 15 | 19 => (12, 0),
        kind::ENUM | kind::FUNC_PROTO => (8, 0),
        kind::PTR | kind::FWD..=kind::FUNC | 16 | kind::TYPE_TAG => (0, 0),
        _ => return None,
    })
}

/// See the module.
pub(crate) struct Btf {
    bytes: Vec<u8>,
    strings: Range<usize>,
    /// Where each type starts, by its id; 0 for the first, which is `void` and not stored.
    starts: Vec<u32>,
    /// Where each type's name starts in the strings: a word each.
    names: Vec<u8>,
    /// Earlier look-ups: structures are asked for member by member.
    asked: RefCell<HashMap<String, Vec<u32>>>,
}

/// One type.
#[derive(Clone, Copy)]
pub(crate) struct Type<'a> {
    /// See [`kind`].
    pub(crate) kind: u8,
    /// The type it refers to, or its size.
    pub(crate) word: u32,
    parts: usize,
    /// `kind_flag`: offsets of members have the size of a bit field in their highest byte.
    bit_fields: bool,
    behind: &'a [u8],
}

/// A member of a structure or union.
#[derive(Clone, Copy)]
pub(crate) struct BtfMember {
    /// Where its name starts in the strings.
    pub(crate) name: u32,
    /// Its type.
    pub(crate) id: u32,
    /// Offset in bits.
    pub(crate) bits: u32,
}

impl Btf {
    /// Finds the start of each type in `bytes`; the error says what is wrong with them.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        // Later versions may have a longer header; its length is in it, and `section` counts from there.
        let header = bytes.first_chunk::<HEADER>().ok_or("it is too short")?;
        if half(header, 0) != Some(MAGIC) {
            return Err("it is not BTF, or that of a machine with another byte order".into());
        }
        let section = |at: usize| {
            let [header, offset, length] =
                [4, at, at + 4].map(|at| word(header, at).unwrap_or(0) as usize);
            let start = header.checked_add(offset)?;
            let section = start..start.checked_add(length)?;
            bytes.get(section.clone()).map(|_| section)
        };
        let types = section(8).ok_or("its types are cut off")?;
        let strings = section(16).ok_or("its strings are cut off")?;
        let (mut starts, mut names) = (vec![0], vec![0; 4]);
        let mut at = types.start;
        while at < types.end {
            let length = length(&bytes[at..types.end]);
            let length = length
                .ok_or_else(|| format!("type {} is cut off or of an unknown kind", starts.len()))?;
            starts.push(u32::try_from(at).map_err(|_| "it is too long")?);
            names.extend_from_slice(&bytes[at..at + 4]);
            at += length;
        }
        Ok(Self {
            bytes,
            strings,
            starts,
            names,
            asked: RefCell::default(),
        })
    }

    /// Ids of the types with that name, in their order.
    pub(crate) fn named(&self, name: &str) -> Vec<u32> {
        if let Some(ids) = self.asked.borrow().get(name) {
            return ids.clone();
        }
        let between = [b"\0", name.as_bytes(), b"\0"].concat();
        let mut ids = self.ids_of(&between, 1);
        if ids.is_empty() {
            // The format lets a name be the end of a longer one, without a NUL before it.
            ids = self.ids_of(&between[1..], 0);
        }
        let mut asked = self.asked.borrow_mut();
        asked.insert(name.to_owned(), ids.clone());
        ids
    }

    /// Ids of the types whose name starts `from` bytes after an occurrence of `pattern` in the strings.
    fn ids_of(&self, pattern: &[u8], from: usize) -> Vec<u32> {
        let strings = &self.bytes[self.strings.clone()];
        let places = places(strings, pattern).into_iter();
        let offsets = places.filter_map(|place| u32::try_from(place + from).ok());
        let mut ids: Vec<u32> = offsets.flat_map(|offset| self.ids_at(offset)).collect();
        ids.sort_unstable();
        ids
    }

    /// Ids of the types whose name starts there.
    fn ids_at(&self, offset: u32) -> Vec<u32> {
        // Nearly all of the time is spent here. memmem searches with vectors of bytes, which is several times as fast as
        // comparing words.
        let places = places(&self.names, &offset.to_ne_bytes()).into_iter();
        // A match that is not aligned is made of parts of two words.
        let words = places.filter(|place| place % 4 == 0);
        words.map(|place| (place / 4) as u32).collect()
    }

    /// A type; `None` for `void`, and if there is no such type.
    pub(crate) fn get(&self, id: u32) -> Option<Type<'_>> {
        let start = *self.starts.get(id as usize)? as usize;
        if id == 0 {
            return None;
        }
        let bytes = self.bytes.get(start..)?;
        let info = word(bytes, 4)?;
        Some(Type {
            kind: kind_of(info),
            word: word(bytes, 8)?,
            parts: parts_of(info),
            bit_fields: info >> 31 != 0,
            behind: bytes.get(TYPE..length(bytes)?)?,
        })
    }

    /// Name of a type, empty if it has none.
    pub(crate) fn name(&self, id: u32) -> Option<&[u8]> {
        self.string(word(&self.names, 4 * id as usize)?)
    }

    /// The string that starts there.
    pub(crate) fn string(&self, offset: u32) -> Option<&[u8]> {
        let strings = self.bytes.get(self.strings.clone())?;
        let string = strings.get(offset as usize..)?;
        Some(&string[..memchr::memchr(0, string)?])
    }

    /// Type information in which only the `wanted` types have names, with their kinds and at the same ids. aya looks up ids
    /// by names, and would parse the kernel's whole type information for that.
    pub(crate) fn names_only(&self, wanted: &[(u8, String)]) -> Vec<u8> {
        let mut strings = vec![0];
        let mut found = Vec::new();
        for (kind, name) in wanted {
            let ids = self.named(name);
            let mut ids = ids.into_iter();
            let Some(id) = ids.find(|id| self.get(*id).is_some_and(|one| one.kind == *kind)) else {
                continue;
            };
            found.push((id, *kind, strings.len() as u32));
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        let count = found.iter().map(|(id, ..)| *id).max().unwrap_or(0) as usize;
        // A forward declaration is the smallest type: it stands for all those that nobody asks for.
        let mut types = [0, u32::from(kind::FWD) << 24, 0].repeat(count);
        for (id, kind, name) in found {
            let at = 3 * (id as usize - 1);
            types[at..at + 2].copy_from_slice(&[name, u32::from(kind) << 24]);
        }
        let length = (4 * types.len()) as u32;
        let mut bytes = [MAGIC.to_ne_bytes(), [1, 0]].concat();
        let header = [HEADER as u32, 0, length, length, strings.len() as u32];
        for word in header.iter().chain(&types) {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(&strings);
        bytes
    }
}

impl Type<'_> {
    /// Members of a structure or union.
    pub(crate) fn members(&self) -> impl Iterator<Item = BtfMember> {
        let members = match self.kind {
            kind::STRUCT | kind::UNION => self.behind,
            _ => &[],
        };
        members.chunks_exact(12).filter_map(|member| {
            let offset = word(member, 8)?;
            Some(BtfMember {
                name: word(member, 0)?,
                id: word(member, 4)?,
                // The size of a bit field is in the highest byte.
                bits: if self.bit_fields {
                    offset & 0xff_ffff
                } else {
                    offset
                },
            })
        })
    }

    /// Length of an array.
    pub(crate) fn array_length(&self) -> Option<u32> {
        word(self.behind, 8).filter(|_| self.kind == kind::ARRAY)
    }

    /// Type of a parameter of a function's prototype.
    pub(crate) fn parameter(&self, index: usize) -> Option<u32> {
        word(self.behind, 8 * index + 4)
            .filter(|_| self.kind == kind::FUNC_PROTO && index < self.parts)
    }

    /// Names, as offsets into the strings, and values of an enumeration.
    pub(crate) fn enumerators(&self) -> impl Iterator<Item = (u32, u32)> {
        let enumerators = match self.kind {
            kind::ENUM => self.behind,
            _ => &[],
        };
        let pairs = enumerators.chunks_exact(8);
        pairs.filter_map(|pair| Some((word(pair, 0)?, word(pair, 4)?)))
    }
}

/// All offsets of `wanted` in `bytes`, overlapping ones included.
fn places(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let finder = memchr::memmem::Finder::new(wanted);
    let mut places = Vec::new();
    let mut start = 0;
    while let Some(place) = bytes.get(start..).and_then(|rest| finder.find(rest)) {
        places.push(start + place);
        start += place + 1;
    }
    places
}

/// Length of the type at the start; `None` if it is cut off or of an unknown kind.
fn length(bytes: &[u8]) -> Option<usize> {
    let info = word(bytes, 4)?;
    let (each, once) = behind(kind_of(info))?;
    // At most 65,535 parts: no overflow.
    let length = TYPE + each * parts_of(info) + once;
    (length <= bytes.len()).then_some(length)
}

fn kind_of(info: u32) -> u8 {
    (info >> 24) as u8 & 31
}

fn parts_of(info: u32) -> usize {
    info as usize & 0xffff
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let half = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*half))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Type information with these types (three words each, then what is behind) and strings.
    fn blob(types: &[u32], strings: &[u8]) -> Vec<u8> {
        let length = 4 * types.len() as u32;
        let mut bytes = [MAGIC.to_ne_bytes(), [1, 0]].concat();
        let header = [HEADER as u32, 0, length, length, strings.len() as u32];
        for word in header.iter().chain(types) {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        [bytes, strings.to_vec()].concat()
    }

    fn info(kind: u8, parts: u32) -> u32 {
        u32::from(kind) << 24 | parts
    }

    /// `struct pair { int a; int b; }`, whose name is the end of another one.
    fn pair() -> Vec<u8> {
        let types = [
            [1, info(1, 0), 4, 32].to_vec(),
            [9, info(kind::STRUCT, 2), 8, 5, 1, 0, 7, 1, 32].to_vec(),
            [12, info(kind::TYPEDEF, 0), 2].to_vec(),
        ];
        blob(&types.concat(), b"\0int\0a\0b\0my_pair\0")
    }

    #[test]
    fn a_structure_is_found_by_its_name_with_its_members() {
        let btf = Btf::parse(pair()).expect("type information");
        assert_eq!(btf.named("my_pair"), [2]);
        assert_eq!(btf.named("pair"), [3], "the end of another name");
        assert_eq!(btf.named("no"), [0_u32; 0]);
        let found = btf.get(2).expect("the structure");
        let members: Vec<_> = found
            .members()
            .map(|one| (btf.string(one.name).unwrap_or_default(), one.id, one.bits))
            .collect();
        assert_eq!(members, [(&b"a"[..], 1, 0), (&b"b"[..], 1, 32)]);
        assert!(btf.get(0).is_none() && btf.get(4).is_none());
    }

    #[test]
    fn a_name_at_any_offset_is_found_whatever_words_are_beside_it() {
        // The bytes of the two names' offsets overlap: 0, 256 and 1.
        let types = [
            [0, info(kind::FWD, 0), 0],
            [256, info(kind::FWD, 0), 0],
            [1, info(kind::FWD, 0), 0],
        ];
        let mut strings = b"\0one\0".to_vec();
        strings.resize(256, b'x');
        strings[255] = 0;
        strings.extend_from_slice(b"two\0");
        let btf = Btf::parse(blob(&types.concat(), &strings)).expect("type information");
        assert_eq!((btf.named("one"), btf.named("two")), (vec![3], vec![2]));
    }

    #[test]
    fn reduced_type_information_has_the_wanted_names_at_their_ids() {
        let btf = Btf::parse(pair()).expect("type information");
        let wanted = [
            (kind::TYPEDEF, "pair".to_owned()),
            (kind::FUNC, "my_pair".to_owned()),
        ];
        let reduced = Btf::parse(btf.names_only(&wanted)).expect("type information");
        assert_eq!(reduced.named("pair"), [3]);
        assert_eq!(reduced.named("my_pair"), [0_u32; 0], "it is no function");
        assert_eq!(reduced.get(3).map(|one| one.kind), Some(kind::TYPEDEF));
    }

    proptest! {
        #[test]
        fn any_bytes_give_types_or_an_error(
            types in prop::collection::vec(any::<u32>(), 0..40),
            strings in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0usize..64,
        ) {
            let mut bytes = blob(&types, &strings);
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            if let Ok(btf) = Btf::parse(bytes) {
                for id in 0..8 {
                    if let Some(found) = btf.get(id) {
                        let _ = (found.members().count(), found.enumerators().count(), found.array_length());
                        let _ = (found.parameter(1), btf.string(found.word));
                    }
                }
                btf.names_only(&[(kind::FWD, String::new())]);
            }
        }
    }
}
