//! Bytes between the asynchronous connection to a daemon and the blocking readers and writers of archives, through
//! channels that hold a few chunks only, so that memory stays flat and both sides work at the same time.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

/// Chunks that may wait. hyper's are at most some 400 KiB.
const WAITING: usize = 16;

/// Size of the chunks made here.
const CHUNK: usize = 256 << 10;

/// What goes through a channel. The end is said, because a sender that vanishes was cancelled.
enum Item {
    Data(Bytes),
    Failed(io::Error),
    End,
}

/// Sends chunks to a [`ChannelReader`].
pub(super) struct ChunkSender(mpsc::Sender<Item>);

/// Reads, in blocking code, what a [`ChunkSender`] sends.
pub(super) struct ChannelReader {
    receiver: mpsc::Receiver<Item>,
    chunk: Bytes,
    ended: bool,
}

/// A channel from asynchronous to blocking code.
pub(super) fn chunk_channel() -> (ChunkSender, ChannelReader) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reader = ChannelReader {
        receiver,
        chunk: Bytes::new(),
        ended: false,
    };
    (ChunkSender(sender), reader)
}

impl ChunkSender {
    /// False where the reader is gone: it will say why.
    pub(super) async fn data(&self, chunk: Bytes) -> bool {
        self.0.send(Item::Data(chunk)).await.is_ok()
    }

    /// Makes the reader's next read fail.
    pub(super) async fn fail(self, error: io::Error) {
        // A reader that is gone needs no error.
        let _ = self.0.send(Item::Failed(error)).await;
    }

    /// Says that the bytes are complete.
    pub(super) async fn end(self) {
        let _ = self.0.send(Item::End).await;
    }
}

impl BufRead for ChannelReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() && !self.ended {
            match self.receiver.blocking_recv() {
                Some(Item::Data(chunk)) => self.chunk = chunk,
                Some(Item::Failed(error)) => return Err(error),
                Some(Item::End) => self.ended = true,
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "cancelled",
                    ));
                }
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, n: usize) {
        self.chunk.advance(n);
    }
}

impl Read for ChannelReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// An image archive on its way to a daemon.
pub struct ArchiveBody(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>);

impl ArchiveBody {
    /// The archive at `path`.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        Ok(Self(Box::pin(ReaderStream::with_capacity(file, CHUNK))))
    }

    /// What `write` writes, as it does so, on a thread for blocking work. Its error becomes the body's, and it gets
    /// a broken pipe when nobody takes the bytes any more. Needs a tokio runtime.
    pub fn written_by<F>(write: F) -> Self
    where
        F: FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
    {
        let (sender, mut receiver) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let mut writer = ChunkWriter {
                sender: sender.clone(),
                chunk: Vec::with_capacity(CHUNK),
            };
            let result = write(&mut writer).and_then(|()| writer.flush());
            let last = match result {
                Ok(()) => Item::End,
                Err(error) => Item::Failed(error),
            };
            let _ = sender.blocking_send(last);
        });
        let mut ended = false;
        Self(Box::pin(futures_util::stream::poll_fn(move |context| {
            if ended {
                return Poll::Ready(None);
            }
            let item = std::task::ready!(receiver.poll_recv(context));
            ended = !matches!(item, Some(Item::Data(_)));
            Poll::Ready(match item {
                Some(Item::Data(chunk)) => Some(Ok(chunk)),
                Some(Item::Failed(error)) => Some(Err(error)),
                Some(Item::End) => None,
                None => Some(Err(io::Error::other("the writer of the archive panicked"))),
            })
        })))
    }

    /// The same archive, whose end is only let go of while `handover` has not been called off: the receiver gets
    /// either all of it or too little to be an archive.
    pub(super) fn through(mut self, handover: Handover) -> Self {
        let mut held: Option<Bytes> = None;
        Self(Box::pin(futures_util::stream::poll_fn(move |context| {
            loop {
                let last = match std::task::ready!(self.0.as_mut().poll_next(context)) {
                    Some(Ok(chunk)) => match held.replace(chunk) {
                        Some(before) => return Poll::Ready(Some(Ok(before))),
                        None => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => held.take(),
                };
                return Poll::Ready(last.map(|last| match handover.complete() {
                    true => Ok(last),
                    false => Err(io::Error::other("called off")),
                }));
            }
        })))
    }
}

impl Stream for ArchiveBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

/// Decides once and for all whether an archive was handed over or called off, for the two tasks that send it and that
/// may want to stop: what a daemon has in full, it keeps, whether or not somebody waits for its answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Handover(Arc<AtomicBool>);

impl Handover {
    /// False where it was called off before.
    fn complete(&self) -> bool {
        self.is_first()
    }

    /// False where the archive is complete already: it cannot be taken back.
    pub(super) fn call_off(&self) -> bool {
        self.is_first()
    }

    fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

struct ChunkWriter {
    sender: mpsc::Sender<Item>,
    chunk: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = buf.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&buf[..n]);
        if self.chunk.len() == CHUNK {
            self.flush()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        self.sender
            .blocking_send(Item::Data(chunk.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn archive() -> ArchiveBody {
        let chunks =
            ["first", "second", "last"].map(|text| Ok(Bytes::from_static(text.as_bytes())));
        ArchiveBody(Box::pin(futures_util::stream::iter(chunks)))
    }

    #[tokio::test]
    async fn an_archive_that_nobody_called_off_arrives_whole_and_cannot_be_taken_back() {
        let handover = Handover::default();
        let chunks: Vec<_> = archive().through(handover.clone()).collect().await;
        let bytes: Vec<u8> = chunks.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(bytes, b"firstsecondlast");
        assert!(!handover.call_off());
    }

    #[tokio::test]
    async fn an_archive_that_was_called_off_lacks_its_end() {
        let handover = Handover::default();
        let mut body = archive().through(handover.clone());
        assert_eq!(body.next().await.unwrap().unwrap(), "first");
        assert!(handover.call_off());
        assert_eq!(body.next().await.unwrap().unwrap(), "second");
        assert!(body.next().await.unwrap().is_err());
    }
}
