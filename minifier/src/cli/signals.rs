//! SIGINT and SIGTERM: the first one cancels the work in an orderly way, and is remembered for the exit code.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;

/// Cancels a token on the first signal.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    token: CancellationToken,
    exit: Arc<AtomicU8>,
}

impl Signals {
    /// Starts listening; must be called inside a tokio runtime.
    pub(super) fn listen() -> std::io::Result<Self> {
        let signals = Self {
            token: CancellationToken::new(),
            exit: Arc::new(AtomicU8::new(0)),
        };
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let this = signals.clone();
        tokio::spawn(async move {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            };
            this.exit.store(exit as u8, Ordering::Release);
            this.token.cancel();
        });
        Ok(signals)
    }

    /// Cancelled by the first signal.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The exit code of the signal that came, if one did.
    pub(super) fn received(&self) -> Option<Exit> {
        match self.exit.load(Ordering::Acquire) {
            code if code == Exit::Interrupted as u8 => Some(Exit::Interrupted),
            code if code == Exit::Terminated as u8 => Some(Exit::Terminated),
            _ => None,
        }
    }
}
