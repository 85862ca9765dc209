//! [`Netns`]: a thread in the container's network namespace that runs the tasks it is given.

use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::tasks::joined;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// A thread in a network namespace. Dropping it ends the thread and its tasks.
///
/// A namespace belongs to a thread, and tokio moves tasks between its threads: hence a runtime of one thread.
#[derive(Debug)]
pub(crate) struct Netns {
    runtime: Handle,
    _stop: oneshot::Sender<()>,
}

impl Netns {
    /// Opens the network namespace of process `pid`, which stays reachable after the process has ended.
    pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
        Ok(File::open(format!("/proc/{pid}/ns/net"))?.into())
    }

    /// Starts a thread in `namespace`; needs CAP_SYS_ADMIN.
    pub(crate) async fn enter(namespace: OwnedFd) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn(move || {
                let entered =
                    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
                let runtime = entered
                    .map_err(io::Error::from)
                    // The runtime is created after the move: its threads and child processes inherit the namespace.
                    .and_then(|()| Builder::new_current_thread().enable_all().build());
                match runtime {
                    Ok(runtime) => {
                        if ready.send(Ok(runtime.handle().clone())).is_ok() {
                            let _ = runtime.block_on(stopped);
                        }
                        runtime.shutdown_background();
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            })?;
        let runtime = started
            .await
            .map_err(|_| io::Error::other("the thread ended"))??;
        Ok(Self {
            runtime,
            _stop: stop,
        })
    }

    /// Runs `work` in the namespace; dropping the returned future ends it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        // Not cancelled while it is awaited: the runtime lives as long as `self`.
        joined(AbortOnDropHandle::new(self.runtime.spawn(work))).await
    }
}
