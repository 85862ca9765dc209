//! Reading a record back. Any bytes are accepted: the result is a [`Record`] or `None`, never a panic.

use crate::record::{HEADER, Header};

/// A record in the ring buffer's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Start of the record.
    pub header: Header,
    /// Requested path, without a NUL.
    pub path: &'a [u8],
    /// Components of the base.
    pub base: Components<'a>,
    /// Components of the resolved path.
    pub resolved: Components<'a>,
}

/// The components of an absolute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Components<'a>(&'a [u8]);

impl<'a> Components<'a> {
    /// The components, leaf first; none for the root.
    pub fn leaf_first(self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.0
            .split_inclusive(|&byte| byte == 0)
            .map(|name| name.strip_suffix(b"\0").unwrap_or(name))
    }

    /// The components, root first.
    pub fn root_first(self) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.leaf_first().rev()
    }
}

impl<'a> Record<'a> {
    /// Reads a record; `None` if there are fewer bytes than the header announces, or if components do not end with a NUL.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let header = decode_header(header)?;
        let (path, rest) = rest.split_at_checked(usize::from(header.path_length))?;
        let (base, rest) = rest.split_at_checked(usize::from(header.base_length))?;
        let (resolved, _) = rest.split_at_checked(usize::from(header.resolved_length))?;
        Some(Self {
            header,
            path,
            base: components(base)?,
            resolved: components(resolved)?,
        })
    }
}

fn components(bytes: &[u8]) -> Option<Components<'_>> {
    matches!(bytes.last(), None | Some(0)).then_some(Components(bytes))
}

/// Reads the fields one by one, in the order of the structure: the bytes may not be aligned.
fn decode_header(bytes: &[u8]) -> Option<Header> {
    let mut reader = Reader(bytes);
    Some(Header {
        time: u64::from_ne_bytes(reader.take()?),
        result: i32::from_ne_bytes(reader.take()?),
        detail: u32::from_ne_bytes(reader.take()?),
        tgid: u32::from_ne_bytes(reader.take()?),
        parent: u32::from_ne_bytes(reader.take()?),
        extra: u32::from_ne_bytes(reader.take()?),
        syscall: u16::from_ne_bytes(reader.take()?),
        kind: u8::from_ne_bytes(reader.take()?),
        argument: u8::from_ne_bytes(reader.take()?),
        flags: u16::from_ne_bytes(reader.take()?),
        path_length: u16::from_ne_bytes(reader.take()?),
        base_length: u16::from_ne_bytes(reader.take()?),
        resolved_length: u16::from_ne_bytes(reader.take()?),
    })
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

/// A header as the kernel side writes it: for tests that make records.
pub fn encode_header(header: &Header) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut rest = &mut bytes[..];
    for field in [
        &header.time.to_ne_bytes()[..],
        &header.result.to_ne_bytes(),
        &header.detail.to_ne_bytes(),
        &header.tgid.to_ne_bytes(),
        &header.parent.to_ne_bytes(),
        &header.extra.to_ne_bytes(),
        &header.syscall.to_ne_bytes(),
        &header.kind.to_ne_bytes(),
        &header.argument.to_ne_bytes(),
        &header.flags.to_ne_bytes(),
        &header.path_length.to_ne_bytes(),
        &header.base_length.to_ne_bytes(),
        &header.resolved_length.to_ne_bytes(),
    ] {
        let (to, behind) = rest.split_at_mut(field.len());
        to.copy_from_slice(field);
        rest = behind;
    }
    bytes
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn names(components: Components<'_>) -> Vec<Vec<u8>> {
        components.root_first().map(<[u8]>::to_vec).collect()
    }

    /// What the kernel side writes: leaf first, each with a NUL.
    fn encode(names: &[Vec<u8>]) -> Vec<u8> {
        names
            .iter()
            .rev()
            .flat_map(|name| name.iter().copied().chain([0]))
            .collect()
    }

    fn record(path: &[u8], base: &[Vec<u8>], resolved: &[Vec<u8>], mut header: Header) -> Vec<u8> {
        let (base, resolved) = (encode(base), encode(resolved));
        header.path_length = path.len() as u16;
        header.base_length = base.len() as u16;
        header.resolved_length = resolved.len() as u16;
        [&encode_header(&header)[..], path, &base, &resolved].concat()
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(1u8..=255, 1..20)
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_record_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(record) = Record::decode(&bytes) {
                let _ = (names(record.base), names(record.resolved));
            }
        }

        #[test]
        fn a_record_comes_back_as_written(
            path in prop::collection::vec(any::<u8>(), 0..100),
            base in prop::collection::vec(name(), 0..6),
            resolved in prop::collection::vec(name(), 0..6),
            time in any::<u64>(),
            result in any::<i32>(),
            kind in any::<u8>(),
        ) {
            let header = Header { time, result, kind, ..Header::default() };
            let bytes = record(&path, &base, &resolved, header);
            let read = Record::decode(&bytes).expect("a record");
            prop_assert_eq!((read.header.time, read.header.result, read.header.kind), (time, result, kind));
            prop_assert_eq!(read.path, &path[..]);
            prop_assert_eq!(names(read.base), base);
            prop_assert_eq!(names(read.resolved), resolved);
        }

        #[test]
        fn a_cut_record_is_none(cut in 1usize..60) {
            let bytes = record(b"path", &[b"dir".to_vec()], &[b"file".to_vec()], Header::default());
            let left = bytes.len().saturating_sub(cut);
            prop_assert_eq!(Record::decode(&bytes[..left]), None);
        }
    }

    #[test]
    fn the_root_has_no_components() {
        let bytes = record(b"/", &[], &[], Header::default());
        let read = Record::decode(&bytes).expect("a record");
        assert_eq!(names(read.base), Vec::<Vec<u8>>::new());
        assert_eq!(read.base.leaf_first().count(), 0);
    }

    #[test]
    fn the_header_has_no_padding() {
        // Padding would hand kernel memory to the user side, and the decoder would read it.
        assert_eq!(HEADER, 40);
    }
}
