//! [`Life`]: how far the first process of a container has got, for those who look and those who wait.

use tokio::sync::watch;

use super::workload::ExitStatus;
use crate::runtime::error::RuntimeError;

/// The state of a container's first process.
#[derive(Debug)]
pub(crate) struct Life(watch::Sender<LifeState>);

#[derive(Debug, Clone)]
enum LifeState {
    Created,
    Running(u32),
    Exited(ExitStatus),
    Lost(String),
}

impl Default for Life {
    fn default() -> Self {
        Self(watch::Sender::new(LifeState::Created))
    }
}

impl Life {
    /// Notes that it runs, with its pid on the host.
    pub(crate) fn running(&self, pid: u32) {
        self.0.send_replace(LifeState::Running(pid));
    }

    /// Notes how it ended.
    pub(crate) fn ended(&self, exit: ExitStatus) {
        self.0.send_replace(LifeState::Exited(exit));
    }

    /// Notes that its end will not be known.
    pub(crate) fn lost(&self, reason: String) {
        self.0.send_replace(LifeState::Lost(reason));
    }

    /// Its pid while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        match *self.0.borrow() {
            LifeState::Running(pid) => Some(pid),
            _ => None,
        }
    }

    /// How it ended; `None` before.
    pub(crate) fn exit(&self) -> Option<ExitStatus> {
        match &*self.0.borrow() {
            LifeState::Exited(exit) => Some(exit.clone()),
            _ => None,
        }
    }

    /// Waits for the end of container `id`.
    pub(crate) async fn exited(&self, id: &str) -> Result<ExitStatus, RuntimeError> {
        let mut state = self.0.subscribe();
        let ended = state
            .wait_for(|state| matches!(state, LifeState::Exited(_) | LifeState::Lost(_)))
            .await
            .unwrap_or_else(|_| unreachable!("the sender lives as long as the container"));
        match &*ended {
            LifeState::Exited(exit) => Ok(exit.clone()),
            LifeState::Lost(reason) => Err(RuntimeError::Lost {
                id: id.to_owned(),
                reason: reason.clone(),
            }),
            LifeState::Created | LifeState::Running(_) => unreachable!("these are not waited for"),
        }
    }
}
