//! [`read_ahead`]: a stream is read, checked and decompressed on a thread of its own while another one looks at what
//! came before, so that a single large layer keeps two cores busy.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

const CHUNK: usize = 256 << 10;
/// Chunks that wait; a bound for memory.
const WAITING: usize = 8;

/// The bytes of `stream`, which a new thread of `scope` reads.
pub(crate) fn read_ahead<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stream: impl Read + Send + 'scope,
) -> Ahead {
    let (sender, chunks) = sync_channel(WAITING);
    scope.spawn(move || pump(stream, &sender));
    Ahead {
        chunks,
        chunk: Vec::new(),
        at: 0,
        ended: false,
    }
}

/// Sends chunks until the stream ends or fails, or the receiver is dropped.
fn pump(mut stream: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        // A new buffer for each chunk: the reader still has the last ones.
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut stream).take(CHUNK as u64).read_to_end(&mut chunk);
        let last = match read {
            Ok(n) => n == 0,
            Err(_) => true,
        };
        // The bytes before an error are good, and files in them can be reported.
        let sent = if chunk.is_empty() {
            Ok(())
        } else {
            sender.send(Ok(chunk))
        };
        if let Err(e) = read {
            // If nobody receives, the reader has gone and wants no error either.
            let _ = sender.send(Err(e));
        }
        if last || sent.is_err() {
            return;
        }
    }
}

/// The reading end of [`read_ahead`].
pub(crate) struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // After an error nothing more may be read, or the error would read as the end of the file.
        if self.at == self.chunk.len() && !self.ended {
            self.at = 0;
            self.chunk.clear();
            match self.chunks.recv() {
                Ok(Ok(chunk)) => self.chunk = chunk,
                Ok(Err(e)) => {
                    self.ended = true;
                    return Err(e);
                }
                // The sender is gone, which is how the end of the stream is reported.
                Err(_) => self.ended = true,
            }
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at = self.chunk.len().min(self.at + n);
    }
}

impl Read for Ahead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_order_and_errors_after_them() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                let n = self.0.min(buf.len());
                self.0 -= n;
                buf[..n].fill(b'x');
                if n == 0 {
                    Err(io::Error::other("the end"))
                } else {
                    Ok(n)
                }
            }
        }
        std::thread::scope(|scope| {
            let failing = io::BufReader::new(Failing(3_000_001));
            let mut out = Vec::new();
            let error = read_ahead(scope, failing)
                .read_to_end(&mut out)
                .unwrap_err();
            assert_eq!(
                (out.len(), error.to_string().as_str()),
                (3_000_001, "the end")
            );
        });
    }

    #[test]
    fn a_reader_that_is_dropped_ends_the_thread() {
        std::thread::scope(|scope| {
            let mut ahead = read_ahead(scope, io::BufReader::new(io::repeat(0)));
            ahead.read_exact(&mut [0; 10]).unwrap();
        });
    }
}
