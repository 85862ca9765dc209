//! [`Managed`]: what a build does with a container whichever engine runs it, beyond what the probes do.

use crate::runtime::{Container, OciContainer, RuntimeError, Workload};

/// A container that was created and not started.
pub(crate) trait Managed: Workload {
    /// Starts it. When this returns it runs, or has run.
    async fn start(&self) -> Result<(), RuntimeError>;

    /// Pid of its first process, as soon as there is one: some engines have it before the start.
    fn first_process(&self) -> Option<u32>;

    /// Kills and removes it.
    async fn remove(&self) -> Result<(), RuntimeError>;
}

impl Managed for Container {
    async fn start(&self) -> Result<(), RuntimeError> {
        Self::start(self).await
    }

    fn first_process(&self) -> Option<u32> {
        self.pid()
    }

    async fn remove(&self) -> Result<(), RuntimeError> {
        Self::remove(self).await
    }
}

impl Managed for OciContainer {
    async fn start(&self) -> Result<(), RuntimeError> {
        Self::start(self).await
    }

    fn first_process(&self) -> Option<u32> {
        Some(Self::first_process(self))
    }

    async fn remove(&self) -> Result<(), RuntimeError> {
        Self::remove(self).await
    }
}
