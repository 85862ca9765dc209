//! What runs that are over have left in a Docker daemon: containers, and images that were loaded to be run.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime};

use bollard::Docker;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};

use super::docker::{DockerRuntime, RUN_LABEL, RUN_REPOSITORY};
use super::error::{RuntimeError, daemon, host};
use super::run_id::RunId;
use super::sweep::Sweep;

impl DockerRuntime {
    /// Removes what runs that are over have left; how many containers and images there were. What cannot be removed does
    /// not keep the rest from being removed.
    pub async fn sweep_abandoned(&self) -> Result<usize, RuntimeError> {
        let mut sweep = Sweep::default();
        for id in abandoned_containers(self.docker()).await? {
            let result = self.remove(&id).await;
            sweep.note(id, result);
        }
        // Only now: an image is not removed while a container uses it.
        for name in abandoned_images(self.docker()).await? {
            let result = self.remove_image(&name).await;
            sweep.note(name, result);
        }
        sweep.finish()
    }
}

/// Whether `text` names a run that has left what it made at that time.
fn is_abandoned(text: &str, made: SystemTime) -> Result<bool, RuntimeError> {
    let left = RunId::parse(text).map(|run| run.has_left(made));
    left.unwrap_or(Ok(false))
        .map_err(host::<io::Error>("look whether another run goes on"))
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
    let mut abandoned = Vec::new();
    for container in found {
        let run = container.labels.clone().unwrap_or_default();
        if let (Some(id), Some(run)) = (&container.id, run.get(RUN_LABEL))
            && is_named_after(&container, run)
            && is_abandoned(run, made(&container))?
        {
            abandoned.push(id.clone());
        }
    }
    Ok(abandoned)
}

/// Whether a container has the name that a run gives. An image can set the label of its containers, and not their names.
pub(super) fn is_named_after(container: &ContainerSummary, run: &str) -> bool {
    let names = container.names.iter().flatten();
    names
        .filter_map(|name| name.strip_prefix("/minifier-")?.rsplit_once('-'))
        .any(|(of, _)| of == run)
}

/// When a container was made. One that runs, or says nothing of it, is as new as can be.
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
    let mut abandoned = Vec::new();
    for name in found.into_iter().flat_map(|image| image.repo_tags) {
        if let Some((RUN_REPOSITORY, run)) = name.split_once(':')
            // The daemon says when an image was built, and not when it was loaded: one that a container uses stays anyhow.
            && is_abandoned(run, SystemTime::UNIX_EPOCH)?
        {
            abandoned.push(name);
        }
    }
    Ok(abandoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str) -> ContainerSummary {
        ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn a_container_that_only_bears_the_label_of_a_run_is_nobodys_to_remove() {
        let run = "000000000000-1-1-1-00000000";
        assert!(is_named_after(
            &container(&format!("minifier-{run}-0")),
            run
        ));
        for name in ["web-1", "minifier-web", &format!("minifier-{run}"), run] {
            assert!(!is_named_after(&container(name), run), "{name}");
        }
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
