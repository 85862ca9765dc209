//! [`Tracer`]: an attached tracer, from the loading of the programs to the finished trace.

use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::collect;
use super::error::TraceError;
use super::load::{Kernel, TraceOptions};
use super::scope::{Guess, Scope};
use crate::trace::model::Trace;

/// The attached kernel side, and a thread that collects its records. Dropping it ends both.
///
/// Attach, [`follow`](Self::follow) the container before it starts, let it run, [`finish`](Self::finish).
#[derive(Debug)]
pub struct Tracer {
    scope: Scope,
    guess: Guess,
    stop: Option<mpsc::Sender<Guess>>,
    done: oneshot::Receiver<Option<Result<Trace, TraceError>>>,
    thread: Option<JoinHandle<()>>,
}

impl Tracer {
    /// Loads the kernel side and attaches it; nothing is recorded before [`follow`](Self::follow). This happens in the
    /// thread that collects later, and does not block the caller's.
    pub async fn attach(options: TraceOptions) -> Result<Self, TraceError> {
        let (stop, stopped) = mpsc::channel();
        let (ready, attached) = oneshot::channel();
        let (finished, done) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("trace".into())
            .spawn(move || match Kernel::attach(&options) {
                Ok(mut kernel) => {
                    let scope = kernel.scope.take();
                    // It fails if the caller has given up meanwhile; dropping `kernel` then detaches everything.
                    if ready.send(scope.map(Ok)).is_ok() {
                        let memory = options.memory_bytes;
                        let _ = finished.send(collect::run(kernel, memory, &stopped));
                    }
                }
                Err(error) => {
                    let _ = ready.send(Some(Err(error)));
                }
            })
            .map_err(|_| TraceError::Collector)?;
        let scope = attached
            .await
            .ok()
            .flatten()
            .ok_or(TraceError::Collector)??;
        Ok(Self {
            scope,
            guess: Guess::Unknown,
            stop: Some(stop),
            done,
            thread: Some(thread),
        })
    }

    /// Records the container with that id, from the first instruction of its entrypoint. Call it before the container
    /// starts: processes that already run are not seen.
    pub fn follow(&mut self, container: &str) -> Result<(), TraceError> {
        self.scope.name(container)
    }

    /// Confirms the container's control groups by `process`, normally its first one. Call it as soon as that is known: before
    /// the start if the runtime reports it then, otherwise right after the start. Anybody can give a control group the
    /// container's name: from now on only these groups count, and if another one was taken for them, the trace has a gap.
    pub fn confirm(&mut self, process: u32) -> Result<(), TraceError> {
        // After a first answer, a second call must not replace it: the process may have ended by then.
        if self.guess == Guess::Unknown {
            self.guess = self.scope.know(process)?;
        }
        Ok(())
    }

    /// Removes the hooks and returns what was recorded.
    pub async fn finish(mut self) -> Result<Trace, TraceError> {
        if let Some(stop) = self.stop.take() {
            stop.send(self.guess).map_err(|_| TraceError::Collector)?;
        }
        (&mut self.done)
            .await
            .ok()
            .flatten()
            .ok_or(TraceError::Collector)?
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // The closed channel ends the thread. It is waited for, so that no program stays in the kernel after this.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that collects the trace panicked");
        }
    }
}
