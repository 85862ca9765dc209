//! Removing the containers and images that runs which are over have left in a Docker daemon.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

use bollard::Docker;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};

use super::messages::daemon;
use super::names::{RUN_LABEL, RUN_REPOSITORY, is_named_after};
use super::runtime::DockerRuntime;
use crate::runtime::error::RuntimeError;
use crate::runtime::shared::{RunId, Sweep};

impl DockerRuntime {
    /// Removes what runs that are over have left; returns how many containers and images there were. One that cannot be
    /// removed does not keep the others.
    pub async fn sweep_abandoned(&self) -> Result<usize, RuntimeError> {
        let mut sweep = Sweep::default();
        for id in abandoned_containers(self.docker()).await? {
            let result = self.remove(&id).await;
            sweep.note(id, result);
        }
        // After the containers: the daemon does not remove an image that a container uses.
        for name in abandoned_images(self.docker()).await? {
            let result = self.remove_image(&name).await;
            sweep.note(name, result);
        }
        sweep.finish()
    }
}

/// Those of `found` that belong to a run which is over. Each comes with the text that may name its run, and the time when
/// it was made. One whose run cannot be checked stays.
fn left_behind<T>(
    found: impl Iterator<Item = (T, String, SystemTime)>,
    has_left: impl Fn(&RunId, SystemTime) -> io::Result<bool>,
) -> Vec<T> {
    let is_left = |text: &str, made| {
        let Some(run) = RunId::parse(text) else {
            return false;
        };
        has_left(&run, made).unwrap_or_else(|error| {
            tracing::warn!("failed to look whether run {run} goes on: {error}");
            false
        })
    };
    found
        .filter(|(_, run, made)| is_left(run, *made))
        .map(|(what, ..)| what)
        .collect()
}

async fn abandoned_containers(docker: &Docker) -> Result<Vec<String>, RuntimeError> {
    let filter = HashMap::from([("label", vec![RUN_LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filter)
        .build();
    let found = docker
        .list_containers(Some(options))
        .await
        .map_err(daemon("list the containers of other runs"))?;
    let found = found.into_iter().filter_map(|container| {
        let run = container.labels.as_ref()?.get(RUN_LABEL)?.clone();
        let made = made(&container);
        is_named_after(&container, &run).then_some((container.id?, run, made))
    });
    Ok(left_behind(found, RunId::has_left))
}

/// When a container was made. One that is running, or has no such time, counts as made now: with a run of another boot,
/// only old ones are removed, since that run may be one of another machine that uses the same daemon.
fn made(container: &ContainerSummary) -> SystemTime {
    let runs = container.state == Some(ContainerSummaryStateEnum::RUNNING);
    let seconds = container.created.filter(|_| !runs);
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        None => SystemTime::now(),
    }
}

async fn abandoned_images(docker: &Docker) -> Result<Vec<String>, RuntimeError> {
    let filter = HashMap::from([("reference", vec![RUN_REPOSITORY.to_owned()])]);
    let options = ListImagesOptionsBuilder::new().filters(&filter).build();
    let found = docker
        .list_images(Some(options))
        .await
        .map_err(daemon("list the images of other runs"))?;
    let names = found.into_iter().flat_map(|image| image.repo_tags);
    let found = names.filter_map(|name| match name.split_once(':') {
        // The daemon says when an image was built, and not when it was loaded: one that a container uses stays anyhow.
        Some((RUN_REPOSITORY, run)) => {
            let run = run.to_owned();
            Some((name, run, SystemTime::UNIX_EPOCH))
        }
        _ => None,
    });
    Ok(left_behind(found, RunId::has_left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_cannot_be_looked_at_does_not_keep_what_others_left() {
        let name = |pid: u32| format!("000000000000-1-{pid}-1-00000000");
        let found = (1..=3).map(|pid| (pid, name(pid), SystemTime::UNIX_EPOCH));
        let found = found.chain([(4, "latest".to_owned(), SystemTime::UNIX_EPOCH)]);
        let has_left = |run: &RunId, _| match run.to_string() == name(1) {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => Ok(run.to_string() == name(3)),
        };
        assert_eq!(left_behind(found, has_left), [3]);
    }

    #[test]
    fn a_container_that_runs_is_as_new_as_can_be() {
        let container = |state| ContainerSummary {
            created: Some(1_000_000_000),
            state: Some(state),
            ..ContainerSummary::default()
        };
        use ContainerSummaryStateEnum::{EXITED, RUNNING};
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(made(&container(EXITED)), old);
        assert!(made(&container(RUNNING)).elapsed().unwrap() < Duration::from_secs(60));
    }
}
