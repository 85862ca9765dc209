//! rpm's own format (`Packages.db`): a table of slots, then blobs in blocks of 16 bytes.
//!
//! Source: rpm, `lib/backend/ndb/rpmpkg.c`.

use super::form::{Each, RpmError, le32};

const PAGE: usize = 4096;
const SLOT: usize = 16;
/// The header of the file takes the first two slots.
const FIRST_SLOT: usize = 2;
const BLOCK: usize = 16;
const BLOB_HEAD: usize = 16;

pub(crate) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RpmP")
}

pub(crate) fn headers(bytes: &[u8], each: Each<'_>) -> Result<(), RpmError> {
    let malformed = |what| RpmError::Malformed("ndb", what);
    let pages = le32(bytes, 12).ok_or_else(|| malformed("its header is cut"))?;
    let table = (pages as usize)
        .checked_mul(PAGE)
        .and_then(|end| bytes.get(FIRST_SLOT * SLOT..end))
        .ok_or_else(|| malformed("its table of slots is cut"))?;
    for slot in table.as_chunks::<SLOT>().0 {
        if !slot.starts_with(b"Slot") {
            return Err(malformed("a slot has no mark"));
        }
        let [index, at] = [4, 8].map(|at| le32(slot, at).unwrap_or_default());
        if index == 0 {
            continue;
        }
        let blob = blob(bytes, index, at as usize);
        each(blob.ok_or_else(|| malformed("a slot points to no blob"))?)?;
    }
    Ok(())
}

/// The blob of package `index` in block `at`.
fn blob(bytes: &[u8], index: u32, at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at.checked_mul(BLOCK)?..)?;
    let marked = rest.starts_with(b"BlbS") && le32(rest, 4)? == index;
    let length = le32(rest, 12)? as usize;
    let blob = rest.get(BLOB_HEAD..BLOB_HEAD.checked_add(length)?)?;
    marked.then_some(blob)
}
