//! [`Control`]: how long work on blobs is watched and stopped from outside.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

/// Told how many bytes were read or written so far.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// Watches and stops work that goes on in several threads.
#[derive(Clone)]
pub struct Control {
    cancel: CancellationToken,
    progress: Progress,
    done: Arc<AtomicU64>,
}

/// What an interrupted read or write fails with.
#[derive(Debug, thiserror::Error)]
#[error("cancelled")]
struct Stopped;

impl Control {
    /// Stops when `cancel` is cancelled; `progress` is told about every chunk.
    pub fn new(cancel: CancellationToken, progress: Progress) -> Self {
        Self {
            cancel,
            progress,
            done: Arc::default(),
        }
    }

    /// The token that stops the work.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Whether the work is to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Waits until the work shall stop.
    pub(super) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Counts bytes; fails if the work is to stop.
    pub(crate) fn advance(&self, bytes: u64) -> io::Result<()> {
        if self.is_cancelled() {
            return Err(io::Error::other(Stopped));
        }
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.progress)(done);
        Ok(())
    }

    /// A control that nobody stops and that tells nobody.
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

/// Fails once the work shall stop, and counts nothing: for what comes out of a decompressor, which may be gigabytes
/// before it reads on.
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
        match self.control.is_cancelled() {
            true => Err(io::Error::other(Stopped)),
            false => self.inner.read(buf),
        }
    }
}

/// Counts what is read through it, and fails once the work shall stop.
pub(super) struct Watched<R> {
    inner: R,
    control: Control,
}

impl<R> Watched<R> {
    pub(super) fn new(inner: R, control: &Control) -> Self {
        Self {
            inner,
            control: control.clone(),
        }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.control.advance(n as u64)?;
        Ok(n)
    }
}
