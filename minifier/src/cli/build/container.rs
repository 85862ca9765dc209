//! [`Managed`]: what a build does with a container whichever engine runs it, beyond what the probes do.

use crate::runtime::{Container, OciContainer, RuntimeError, Workload};

/// A container that was created and not started.
pub(super) trait Managed: Workload {
    /// Starts it. When this returns it runs, or has run.
    async fn start(&self) -> Result<(), RuntimeError>;

    /// Kills and removes it.
    async fn remove(&self) -> Result<(), RuntimeError>;
}

impl Managed for Container {
    async fn start(&self) -> Result<(), RuntimeError> {
        Self::start(self).await
    }

    async fn remove(&self) -> Result<(), RuntimeError> {
        Self::remove(self).await
    }
}

impl Managed for OciContainer {
    async fn start(&self) -> Result<(), RuntimeError> {
        Self::start(self).await
    }

    async fn remove(&self) -> Result<(), RuntimeError> {
        Self::remove(self).await
    }
}
