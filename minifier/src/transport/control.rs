//! [`Control`]: how work on blobs that takes long is observed and stopped from outside.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// Called with the number of bytes read or written so far.
pub type ByteProgress = Arc<dyn Fn(u64) + Send + Sync>;

/// Observes and stops work that is done by several threads.
#[derive(Clone)]
pub struct Control {
    cancel: CancellationToken,
    progress: ByteProgress,
    done: Arc<AtomicU64>,
}

/// The error of a read or write that was cancelled.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct Cancellation;

impl Control {
    /// Creates a control that stops when `cancel` is cancelled and calls `progress` for every chunk.
    pub fn new(cancel: CancellationToken, progress: ByteProgress) -> Self {
        Self {
            cancel,
            progress,
            done: Arc::default(),
        }
    }

    /// The token that stops the work.
    #[cfg(any(feature = "engines", feature = "registry"))]
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Whether the work must stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Waits until the work must stop.
    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Counts bytes; fails if the work must stop.
    pub(crate) fn advance(&self, bytes: u64) -> io::Result<()> {
        if self.is_cancelled() {
            return Err(io::Error::other(Cancellation));
        }
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.progress)(done);
        Ok(())
    }

    /// A control that never stops and reports no progress.
    pub fn none() -> Self {
        Self::new(CancellationToken::new(), Arc::new(|_| {}))
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// Fails once the work must stop, and counts nothing: for the output of a decompressor, which can be gigabytes before
/// the decompressor reads any more input.
pub(crate) struct Stoppable<R> {
    inner: R,
    control: Control,
}

impl<R> Stoppable<R> {
    pub(crate) fn new(inner: R, control: &Control) -> Self {
        Self {
            inner,
            control: control.clone(),
        }
    }
}

impl<R: Read> Read for Stoppable<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.control.is_cancelled() {
            Err(io::Error::other(Cancellation))
        } else {
            self.inner.read(buf)
        }
    }
}

/// Counts the bytes that are read through it, and fails once the work must stop.
pub(crate) struct Watched<R> {
    inner: R,
    control: Control,
}

impl<R> Watched<R> {
    pub(crate) fn new(inner: R, control: &Control) -> Self {
        Self {
            inner,
            control: control.clone(),
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        // After the read, which may have waited long for a pipe or a network.
        self.control.advance(n as u64)?;
        Ok(n)
    }
}
