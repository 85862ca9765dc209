//! Removing what was created, on every path: by hand, by a dropped [`super::Container`], or by a sweep at the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::{sleep, timeout};

use super::messages::{daemon, status};
use super::names::{RUN_LABEL, is_named_after};
use crate::runtime::error::RuntimeError;
use crate::runtime::shared::Sweep;

/// How long a sweep waits for containers that are just being created.
const CREATING: Duration = Duration::from_secs(30);
const RETRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// The containers of one [`super::DockerRuntime`] that are still there.
#[derive(Debug)]
pub(crate) struct Created {
    docker: Docker,
    run: String,
    ids: Mutex<BTreeSet<String>>,
    creating: Arc<RwLock<()>>,
}

impl Created {
    pub(crate) fn new(docker: Docker, run: String) -> Self {
        Self {
            docker,
            run,
            ids: Mutex::default(),
            creating: Arc::default(),
        }
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keep this while a container is being created, so that a sweep waits for it.
    pub(crate) async fn creating(&self) -> OwnedRwLockReadGuard<()> {
        self.creating.clone().read_owned().await
    }

    pub(crate) fn add(&self, id: &str) {
        self.ids().insert(id.to_owned());
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.ids().contains(id)
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.ids().iter().cloned().collect()
    }

    /// Kills and removes a container with its anonymous volumes. One that is already gone is not an error.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), RuntimeError> {
        let mut tries = 0;
        loop {
            let options = RemoveContainerOptionsBuilder::new()
                .force(true)
                .v(true)
                .build();
            let error = match self.docker.remove_container(id, Some(options)).await {
                Ok(()) => break,
                Err(error) => error,
            };
            match status(&error) {
                Some((404, _)) => break,
                // Another removal is in progress (409), or a mount is busy for a moment (500).
                Some((409 | 500, _)) if tries < RETRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                _ => return Err(daemon(format!("remove container {id}"))(error)),
            }
        }
        self.ids().remove(id);
        Ok(())
    }

    /// Removes every container of this run that the daemon knows; returns how many there were.
    pub(crate) async fn sweep(&self) -> Result<usize, RuntimeError> {
        // A daemon that hangs must not keep the sweep from what it can remove.
        let _none_is_created = timeout(CREATING, self.creating.write()).await.ok();
        // By label, not by `ids`: the answer to a creation can be lost, and the container is there all the same.
        let filter = HashMap::from([("label", vec![format!("{RUN_LABEL}={}", self.run)])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filter)
            .build();
        let found = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(daemon("list the containers of this run"))?;
        let own = found
            .into_iter()
            .filter(|container| is_named_after(container, &self.run));
        let mut sweep = Sweep::default();
        for id in own.filter_map(|summary| summary.id) {
            let result = self.remove(&id).await;
            sweep.note(id, result);
        }
        let removed = sweep.finish()?;
        self.ids().clear();
        Ok(removed)
    }
}
