//! [`ReadAt`]: an ELF file of which ranges can be read, and [`ElfError`]: why one could not.

use std::io;

/// Bytes that can be read here and there.
pub trait ReadAt {
    /// At most `limit` bytes from `offset` on; fewer at the end.
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>>;

    /// Length of the whole file in bytes, known without reading it.
    fn size(&self) -> u64;
}

impl ReadAt for &[u8] {
    fn read_at(&self, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
        let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(self.len());
        let start = clamp(offset);
        let end = clamp(offset.saturating_add(limit));
        Ok(self[start..end].to_vec())
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// Why an ELF file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The bytes could not be had.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are not what their header promises.
    #[error("{0}")]
    Malformed(String),
}

pub(crate) fn read_exactly(
    file: &impl ReadAt,
    offset: u64,
    size: u64,
    what: &str,
) -> Result<Vec<u8>, ElfError> {
    // Asked before reading: a store without seeking would read all of the file to find this out.
    if offset.checked_add(size).is_none_or(|end| end > file.size()) {
        return Err(ElfError::Malformed(format!(
            "{what} would end beyond the end of the file"
        )));
    }
    let bytes = file.read_at(offset, size)?;
    // The store promised more bytes: its content changed or is damaged, which is no fault of the ELF file.
    if bytes.len() as u64 != size {
        return Err(ElfError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}
