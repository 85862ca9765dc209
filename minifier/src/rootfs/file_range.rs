//! [`FileRange`]: bytes of a file that several may read at once.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// A range of an open file: a [`File`], a reference to one, or a shared one. Reading it does not move the file's own
/// position; it fails with `UnexpectedEof` if the file ends before the range does.
#[derive(Debug, Clone)]
pub struct FileRange<F> {
    /// The file, which others may read at the same time.
    pub file: F,
    /// Offset in the file of the rest of the range, in bytes.
    pub at: u64,
    /// Its length in bytes.
    pub len: u64,
}

impl<F: Borrow<File>> Read for FileRange<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.len).map_or(buf.len(), |left| left.min(buf.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = self.file.borrow().read_at(&mut buf[..want], self.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        self.len -= n as u64;
        Ok(n)
    }
}
