//! [`TarInput`]: where the bytes of a tar come from. A stream gives them all; the daemon's own record of a layer
//! gives headers only and stands in for the bodies. One parser reads both.

use std::io::{self, BufRead};

/// A source of a tar's bytes that can pass over the body of a member without giving it.
pub trait TarInput {
    /// Fills `buf` as far as there are bytes; fewer than asked for mean that the input ends.
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Passes over `len` bytes of a member's body, its padding not included; gives how many there were.
    fn skip_body(&mut self, len: u64) -> io::Result<u64>;

    /// Bytes given and passed over so far.
    fn offset(&self) -> u64;
}

/// A [`TarInput`] over any buffered stream.
#[derive(Debug)]
pub struct StreamInput<R> {
    inner: R,
    offset: u64,
}

impl<R: BufRead> StreamInput<R> {
    /// Reads from where `inner` stands; offsets count from there.
    pub fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    /// The stream, standing after what was read.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// At most `limit` of the next bytes, without taking them; empty at the end.
    pub(crate) fn peek(&mut self, limit: u64) -> io::Result<&[u8]> {
        // A signal that arrives during a read is no error of the input.
        loop {
            match self.inner.fill_buf() {
                Ok(_) => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        // A second call, because the borrow checker does not let the loop return what the first one gave; it costs
        // nothing, as the buffer is full.
        let buffered = self.inner.fill_buf()?;
        let take = usize::try_from(limit).map_or(buffered.len(), |limit| limit.min(buffered.len()));
        Ok(&buffered[..take])
    }

    /// Takes `n` bytes that [`Self::peek`] showed.
    pub(crate) fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.offset += n as u64;
    }
}

impl<R: BufRead> TarInput for StreamInput<R> {
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            let bytes = self.peek((buf.len() - filled) as u64)?;
            let n = bytes.len();
            if n == 0 {
                break;
            }
            buf[filled..filled + n].copy_from_slice(bytes);
            self.consume(n);
            filled += n;
        }
        Ok(filled)
    }

    fn skip_body(&mut self, len: u64) -> io::Result<u64> {
        let mut left = len;
        while left > 0 {
            let n = self.peek(left)?.len();
            if n == 0 {
                break;
            }
            self.consume(n);
            left -= n as u64;
        }
        Ok(len - left)
    }

    fn offset(&self) -> u64 {
        self.offset
    }
}
