//! Shared by the readers of all forms: their error, their callback, and bounds-checked numbers.

/// Headers of one database that are read.
pub(crate) const MAX_PACKAGES: usize = 100_000;

/// Why a database could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RpmError {
    /// None of the forms that rpm's databases have.
    #[error("it is not a database of rpm (SQLite, ndb or Berkeley DB hash)")]
    Unknown,
    /// It contradicts itself, or ends early.
    #[error("the {0} database is malformed: {1}")]
    Malformed(&'static str, &'static str),
    /// It holds more than is read.
    #[error("it holds more than {MAX_PACKAGES} packages, or more names than are read")]
    TooMuch,
}

/// Called with each header of the database.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), RpmError>;

/// The number of `N` bytes at `at`, as bytes.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}
