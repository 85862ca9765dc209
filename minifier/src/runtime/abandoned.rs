//! What runs that are over have left in a Docker daemon: containers, and images that were loaded to be run.

use std::collections::HashMap;
use std::io;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptionsBuilder, ListImagesOptionsBuilder};

use super::docker::{DockerRuntime, RUN_LABEL, RUN_REPOSITORY};
use super::error::{RuntimeError, daemon, host};
use super::run_id::RunId;

impl DockerRuntime {
    /// Removes what runs that are over have left; how many containers and images there were. What cannot be removed does
    /// not keep the rest from being removed.
    pub async fn sweep_abandoned(&self) -> Result<usize, RuntimeError> {
        let mut swept = 0;
        let (mut left, mut reason) = (Vec::new(), String::new());
        let mut removed = |what: String, result: Result<(), RuntimeError>| match result {
            Ok(()) => swept += 1,
            Err(error) => {
                left.push(what);
                reason = error.to_string();
            }
        };
        for id in abandoned_containers(self.docker()).await? {
            let result = self.remove(&id).await;
            removed(id, result);
        }
        // Only now: an image is not removed while a container uses it.
        for name in abandoned_images(self.docker()).await? {
            let result = self.remove_image(&name).await;
            removed(name, result);
        }
        match left.is_empty() {
            true => Ok(swept),
            false => Err(RuntimeError::LeftBehind { ids: left, reason }),
        }
    }
}

/// Whether `text` names a run, and one that is over.
fn is_abandoned(text: &str) -> Result<bool, RuntimeError> {
    let over = RunId::parse(text).map(|run| run.is_over());
    over.unwrap_or(Ok(false))
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
        let run = container.labels.unwrap_or_default().remove(RUN_LABEL);
        if let (Some(id), Some(run)) = (container.id, run)
            && is_abandoned(&run)?
        {
            abandoned.push(id);
        }
    }
    Ok(abandoned)
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
            && is_abandoned(run)?
        {
            abandoned.push(name);
        }
    }
    Ok(abandoned)
}
