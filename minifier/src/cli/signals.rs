//! SIGINT and SIGTERM: the first one cancels the work in an orderly way, and is remembered for the exit code; the second
//! one ends the program at once.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::left::Left;
use super::printer::message;

/// How long the last words may take: nobody may read what stderr leads to.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Cancels a token on the first signal.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    token: CancellationToken,
    exit: Arc<AtomicU8>,
}

impl Signals {
    /// Starts listening, in a thread of its own that no work can keep busy. `left` is what a second signal tells of.
    pub(crate) fn listen(left: Left) -> io::Result<Self> {
        let signals = Self {
            token: CancellationToken::new(),
            exit: Arc::new(AtomicU8::new(0)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        let this = signals.clone();
        let follow = move || runtime.block_on(this.follow(interrupt, terminate, &left));
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(follow)?;
        Ok(signals)
    }

    async fn follow(self, mut interrupt: Signal, mut terminate: Signal, left: &Left) {
        let exit = next(&mut interrupt, &mut terminate).await;
        self.exit.store(exit as u8, Ordering::Release);
        self.token.cancel();
        let exit = next(&mut interrupt, &mut terminate).await;
        end_at_once(exit, left);
    }

    /// Cancelled by the first signal.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The exit code of the signal that came, if one did.
    pub(crate) fn received(&self) -> Option<Exit> {
        match self.exit.load(Ordering::Acquire) {
            code if code == Exit::Interrupted as u8 => Some(Exit::Interrupted),
            code if code == Exit::Terminated as u8 => Some(Exit::Terminated),
            _ => None,
        }
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

/// The name of the signal that ended the program.
pub(crate) fn name(exit: Exit) -> &'static str {
    match exit {
        Exit::Terminated => "terminated",
        _ => "interrupted",
    }
}

/// Ends the program without waiting for anything: neither for its own threads nor for whoever reads its words.
fn end_at_once(exit: Exit, left: &Left) -> ! {
    let text = message(&format!(
        "error: {} again, ended at once; {}",
        name(exit),
        left.summary()
    ));
    let (said, wait) = mpsc::channel();
    thread::spawn(move || {
        // Not through the standard library's lock, which somebody may hold who waits for the same reader.
        if let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() {
            // Nothing is left to tell anybody when stderr itself is gone.
            let _ = File::from(stderr).write_all(text.as_bytes());
        }
        // Nobody waits any more if it took too long.
        let _ = said.send(());
    });
    // Either way the program ends now.
    let _ = wait.recv_timeout(LAST_WORDS);
    std::process::exit(exit as i32)
}
