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

/// After this time, what runs of another boot have made is taken for left behind.
const ELSEWHERE: Duration = Duration::from_secs(24 * 3600);

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
        let run = container.labels.clone().unwrap_or_default();
        if let (Some(id), Some(run)) = (&container.id, run.get(RUN_LABEL))
            && is_named_after(&container, run)
            && is_abandoned(run)?
            && (is_of_this_boot(run)? || is_old(&container))
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

fn is_of_this_boot(text: &str) -> Result<bool, RuntimeError> {
    let this = RunId::parse(text).map(|run| run.is_of_this_boot());
    this.unwrap_or(Ok(false)).map_err(host::<io::Error>(
        "find out which boot of this machine this is",
    ))
}

/// Whether a container does not run and was made long ago, so that it is no part of a build on another machine.
fn is_old(container: &ContainerSummary) -> bool {
    let made = container
        .created
        .and_then(|seconds| u64::try_from(seconds).ok());
    let age = made.and_then(|seconds| {
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        SystemTime::now().duration_since(made).ok()
    });
    let runs = container.state == Some(ContainerSummaryStateEnum::RUNNING);
    !runs && age.is_some_and(|age| age > ELSEWHERE)
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
    fn containers_of_another_boot_are_old_only_if_they_do_not_run() {
        let made = |seconds: i64, state| ContainerSummary {
            created: Some(seconds),
            state: Some(state),
            ..ContainerSummary::default()
        };
        use ContainerSummaryStateEnum::{EXITED, RUNNING};
        assert!(is_old(&made(1_000_000_000, EXITED)));
        assert!(!is_old(&made(1_000_000_000, RUNNING)));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap().as_secs()).unwrap();
        assert!(!is_old(&made(now, EXITED)));
    }
}
