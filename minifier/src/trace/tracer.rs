//! [`Tracer`]: a trace in the making.

use std::sync::mpsc;
use std::thread::JoinHandle;

use aya::maps::{HashMap, MapData};
use minifier_common::record::LEAF_MAX;
use tokio::sync::{oneshot, watch};

use super::load::{Kernel, TraceOptions};
use super::{Trace, TraceError, collect};

/// The kernel side attached, and a thread that collects what it records. Dropped, both are gone.
///
/// Attach, [`follow`](Self::follow) the container before it starts, let it run, [`finish`](Self::finish).
#[derive(Debug)]
pub struct Tracer {
    leaves: HashMap<MapData, [u8; LEAF_MAX], u32>,
    stop: Option<mpsc::Sender<()>>,
    done: oneshot::Receiver<Option<Result<Trace, TraceError>>>,
    seen: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

/// How runtimes name the control group of a container, around its id: cgroupfs (Docker, runc), then systemd's scopes
/// of Docker, Podman, CRI-O and containerd, then Podman's and CRI-O's with cgroupfs.
const LEAVES: [(&str, &str); 7] = [
    ("", ""),
    ("docker-", ".scope"),
    ("libpod-", ".scope"),
    ("crio-", ".scope"),
    ("cri-containerd-", ".scope"),
    ("libpod-", ""),
    ("crio-", ""),
];

impl Tracer {
    /// Loads the kernel side and attaches it; nothing is recorded before [`follow`](Self::follow). The work is done
    /// in the thread that collects later: the caller's is not blocked.
    pub async fn attach(options: TraceOptions) -> Result<Self, TraceError> {
        let (stop, stopped) = mpsc::channel();
        let (ready, attached) = oneshot::channel();
        let (finished, done) = oneshot::channel();
        let (seeing, seen) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("trace".into())
            .spawn(move || match Kernel::attach(&options) {
                Ok(mut kernel) => {
                    let leaves = kernel.leaves.take();
                    if ready.send(leaves.map(Ok)).is_ok() {
                        let _ = finished.send(collect::run(kernel, &stopped, &seeing));
                    }
                }
                Err(error) => {
                    let _ = ready.send(Some(Err(error)));
                }
            })
            .map_err(|_| TraceError::Collector)?;
        let leaves = attached
            .await
            .ok()
            .flatten()
            .ok_or(TraceError::Collector)??;
        Ok(Self {
            leaves,
            stop: Some(stop),
            done,
            seen,
            thread: Some(thread),
        })
    }

    /// Records what the container with that id does, from the first instruction of its entrypoint. To be called before
    /// the container starts; what runs already is not noticed.
    pub fn follow(&mut self, container: &str) -> Result<(), TraceError> {
        for (before, after) in LEAVES {
            let name = [before, container, after].concat();
            let mut key = [0; LEAF_MAX];
            // The last byte stays: the kernel compares names with their NUL.
            match key[..LEAF_MAX - 1].get_mut(..name.len()) {
                Some(start) if !container.is_empty() => start.copy_from_slice(name.as_bytes()),
                _ => return Err(TraceError::ContainerId(container.to_owned())),
            }
            self.leaves
                .insert(key, 1, 0)
                .map_err(|source| TraceError::Map {
                    map: "LEAVES",
                    source: Box::new(source),
                })?;
        }
        Ok(())
    }

    /// True once the container's first process was seen.
    pub fn seen(&self) -> bool {
        *self.seen.borrow()
    }

    /// Waits until the container's first process is seen.
    pub async fn wait_seen(&mut self) -> Result<(), TraceError> {
        self.seen
            .wait_for(|seen| *seen)
            .await
            .map(|_| ())
            .map_err(|_| TraceError::Collector)
    }

    /// Takes the hooks away and gives what was recorded up to here.
    pub async fn finish(mut self) -> Result<Trace, TraceError> {
        if let Some(stop) = self.stop.take() {
            stop.send(()).map_err(|_| TraceError::Collector)?;
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
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that collects the trace panicked");
        }
    }
}
