//! Channels between the asynchronous connection to a daemon or registry and the blocking readers and writers of
//! archives. They hold only a few chunks, so that memory stays flat and both sides work at the same time.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

/// Maximum number of chunks in a channel. hyper's chunks have at most some 400 KiB.
const WAITING: usize = 16;

/// Size of the chunks made here.
const CHUNK: usize = 256 << 10;

/// An item of a channel. The end is explicit: a sender that vanishes without it was cancelled, and half an archive must
/// not look whole.
enum BodyItem {
    Data(Bytes),
    Failed(io::Error),
    End,
}

/// Sends chunks to a [`ChannelReader`].
pub(crate) struct ChunkSender(mpsc::Sender<BodyItem>);

/// Reads, in blocking code, what a [`ChunkSender`] sends.
pub(crate) struct ChannelReader {
    receiver: mpsc::Receiver<BodyItem>,
    chunk: Bytes,
    ended: bool,
}

/// A channel from asynchronous to blocking code.
pub(crate) fn chunk_channel() -> (ChunkSender, ChannelReader) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reader = ChannelReader {
        receiver,
        chunk: Bytes::new(),
        ended: false,
    };
    (ChunkSender(sender), reader)
}

impl ChunkSender {
    /// Returns false if the reader is gone; its own error says why.
    pub(crate) async fn data(&self, chunk: Bytes) -> bool {
        self.0.send(BodyItem::Data(chunk)).await.is_ok()
    }

    /// Makes the reader's next read fail.
    pub(crate) async fn fail(self, error: io::Error) {
        // A reader that is gone needs no error.
        let _ = self.0.send(BodyItem::Failed(error)).await;
    }

    /// Marks the bytes as complete.
    pub(crate) async fn end(self) {
        let _ = self.0.send(BodyItem::End).await;
    }
}

impl BufRead for ChannelReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() && !self.ended {
            match self.receiver.blocking_recv() {
                Some(BodyItem::Data(chunk)) => self.chunk = chunk,
                Some(BodyItem::Failed(error)) => return Err(error),
                Some(BodyItem::End) => self.ended = true,
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
pub struct ArchiveBody(pub(crate) Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>);

impl ArchiveBody {
    /// The archive at `path`.
    pub async fn open(path: &Path) -> io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        Ok(Self(Box::pin(ReaderStream::with_capacity(file, CHUNK))))
    }

    /// The bytes that `write` writes, on a thread for blocking work. Its error becomes the body's; it gets a broken
    /// pipe once nothing reads the bytes any more. Needs a tokio runtime.
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
                Ok(()) => BodyItem::End,
                Err(error) => BodyItem::Failed(error),
            };
            let _ = sender.blocking_send(last);
        });
        let mut ended = false;
        Self(Box::pin(futures_util::stream::poll_fn(move |context| {
            if ended {
                return Poll::Ready(None);
            }
            let item = std::task::ready!(receiver.poll_recv(context));
            ended = !matches!(item, Some(BodyItem::Data(_)));
            Poll::Ready(match item {
                Some(BodyItem::Data(chunk)) => Some(Ok(chunk)),
                Some(BodyItem::Failed(error)) => Some(Err(error)),
                Some(BodyItem::End) => None,
                None => Some(Err(io::Error::other("the writer of the archive panicked"))),
            })
        })))
    }
}

impl Stream for ArchiveBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

struct ChunkWriter {
    sender: mpsc::Sender<BodyItem>,
    chunk: Vec<u8>,
}

impl Write for ChunkWriter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // Tar headers have 512 bytes; one message for each would cost more than the bytes.
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
            .blocking_send(BodyItem::Data(chunk.into()))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
