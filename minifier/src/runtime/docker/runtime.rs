//! [`DockerRuntime`]: creating containers by the Docker API (1.41 and newer).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bollard::Docker;
use bollard::models::{HostConfigLogConfig, Volume};
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveImageOptions};

use super::body::create_body;
use super::container::Container;
use super::created::Created;
use super::fill;
use super::messages::{create_error, daemon, status};
use super::names::{RUN_LABEL, RUN_REPOSITORY, container_name};
use crate::image::ImageConfig;
use crate::rootfs::RootFs;
use crate::runtime::destination;
use crate::runtime::destination::MountContent;
use crate::runtime::error::RuntimeError;
use crate::runtime::options::{RunLimits, RunOptions, UnpackLimits};
use crate::runtime::shared::RunId;
use crate::tasks::joined;

/// Creates containers, and knows which of them are still there.
///
/// Clones share what they know. At the end of a run, and when it is interrupted, call [`Self::sweep`].
#[derive(Debug, Clone)]
pub struct DockerRuntime {
    docker: Docker,
    run: String,
    limits: RunLimits,
    count: Arc<AtomicU32>,
    created: Arc<Created>,
}

impl DockerRuntime {
    /// A runtime that uses `docker`, a client with a negotiated API version. Its containers and images are named after
    /// `run`.
    pub fn new(docker: Docker, run: &RunId) -> Self {
        let run = run.to_string();
        let created = Arc::new(Created::new(docker.clone(), run.clone()));
        Self {
            docker,
            run,
            limits: RunLimits::default(),
            count: Arc::default(),
            created,
        }
    }

    /// The same runtime, with `limits` on what each container may use.
    #[must_use]
    pub fn with_limits(mut self, limits: RunLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The value of [`RUN_LABEL`] on all containers of this runtime.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The name under which an image is loaded to be run by this runtime.
    pub fn image_name(&self) -> String {
        format!("{RUN_REPOSITORY}:{}", self.run)
    }

    /// Takes a name from an image, and removes the image if that was its last; does nothing if there is no such name.
    pub async fn remove_image(&self, name: &str) -> Result<(), RuntimeError> {
        let options = None::<RemoveImageOptions>;
        let Err(error) = self.docker.remove_image(name, options, None).await else {
            return Ok(());
        };
        // 404: the name is gone already, by an earlier sweep or by hand.
        match status(&error) {
            Some((404, _)) => Ok(()),
            _ => Err(daemon(format!("remove image {name}"))(error)),
        }
    }

    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Kills and removes a container, whoever created it.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), RuntimeError> {
        self.created.remove(id).await
    }

    /// Creates a container of `image` (an id or a reference), which is then ready to be started.
    ///
    /// Dropping the future is safe: a container that is created nevertheless is found by [`Self::sweep`].
    pub async fn create(
        &self,
        image: &str,
        options: &RunOptions,
    ) -> Result<Container, RuntimeError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let labels = HashMap::from([(RUN_LABEL.to_owned(), self.run.clone())]);
        let mut body = create_body(image, options, labels);
        if let Some(host) = &mut body.host_config {
            host.memory = self.limits.memory;
            host.pids_limit = self.limits.pids;
            host.log_config = self.limits.log.map(log_config);
        }
        let mut query =
            CreateContainerOptionsBuilder::new().name(&container_name(&self.run, number));
        if let Some(platform) = &options.platform {
            query = query.platform(platform);
        }
        let query = query.build();
        let creating = self.created.creating().await;
        // A task of its own: the daemon goes on creating even when nobody waits, and its answer must be noted.
        let task = tokio::spawn({
            let (docker, created) = (self.docker.clone(), self.created.clone());
            async move {
                let result = docker.create_container(Some(query), body).await;
                if let Ok(response) = &result {
                    created.add(&response.id);
                }
                drop(creating);
                result
            }
        });
        let created = joined(task).await;
        let response = created.map_err(|error| create_error(image, error))?;
        for warning in &response.warnings {
            tracing::warn!("container {}: {warning}", response.id);
        }
        Container::new(self.docker.clone(), self.created.clone(), response.id).await
    }

    /// Checks the places of the daemon's mounts in an image (the daemon follows its links), and how much it will copy
    /// into volumes. Call it before a container is started, and before one is created if [`Self::fills_volumes`].
    ///
    /// Returns one sentence for each thing that could not be checked.
    pub async fn check(
        &self,
        rootfs: &RootFs,
        config: &ImageConfig,
        options: &RunOptions,
        limits: &UnpackLimits,
    ) -> Result<Vec<String>, RuntimeError> {
        let (mut contents, mut unseen) = (BTreeMap::new(), Vec::new());
        for name in options.volume_names() {
            let content = match self.docker.inspect_volume(name).await {
                // The folder cannot be read if the daemon runs elsewhere or the driver is not `local`: the volume then
                // counts as one that is filled from the image, which is the stricter check of its size.
                Ok(volume) => seen(&volume).unwrap_or_else(|error| {
                    unseen.push(format!(
                        "the links in volume {name} are not checked: inspect {:?} on this host: {error}",
                        volume.mountpoint
                    ));
                    of_image(name)
                }),
                // The daemon creates a named volume that does not exist, and fills it from the image.
                Err(error) if status(&error).is_some_and(|(status, _)| status == 404) => {
                    of_image(name)
                }
                Err(error) => return Err(daemon(format!("inspect volume {name}"))(error)),
            };
            contents.insert(name, content);
        }
        let of_volume = |name: &str| {
            contents
                .get(name)
                .cloned()
                .unwrap_or_else(|| of_image(name))
        };
        let wishes = destination::wishes(config, options, of_volume);
        let landed = destination::check(rootfs, config, options, &wishes)?;
        fill::check(rootfs, &wishes, &landed, limits)?;
        Ok(unseen)
    }

    /// Whether the daemon may copy something from the image into volumes as soon as it creates a container.
    pub fn fills_volumes(config: &ImageConfig, options: &RunOptions) -> bool {
        destination::wishes(config, options, of_image)
            .iter()
            .any(|wish| matches!(wish.content, MountContent::Image(_)))
    }

    /// Ids of the containers that were created and not yet removed.
    pub fn leftovers(&self) -> Vec<String> {
        self.created.list()
    }

    /// Kills and removes all containers of this run; returns how many there were.
    pub async fn sweep(&self) -> Result<usize, RuntimeError> {
        self.created.sweep().await
    }
}

/// The content of a volume that is empty, or not there, before a container gets it.
fn of_image(name: &str) -> MountContent {
    MountContent::Image(Some(name.to_owned()))
}

/// The content of a volume, by its folder on this host.
fn seen(volume: &Volume) -> io::Result<MountContent> {
    let folder = Path::new(&volume.mountpoint);
    match fs::read_dir(folder)?.next() {
        // Docker fills a volume only while it is empty.
        Some(_) => Ok(MountContent::Host(folder.to_owned())),
        // `--opt device=…`: the daemon mounts it at the start of a container, so the folder is empty until then.
        None if volume.options.contains_key("device") => Err(io::Error::other(
            "its device is mounted only while a container uses it",
        )),
        None => Ok(of_image(&volume.name)),
    }
}

/// Logs of at most `bytes` in one file.
///
/// `json-file`, whatever the daemon's default is: a remote driver (syslog, fluentd) would send the output of an untrusted
/// image elsewhere, and not every driver has a limit.
fn log_config(bytes: i64) -> HostConfigLogConfig {
    let options = [
        ("max-size", bytes.to_string()),
        ("max-file", "1".to_owned()),
    ];
    HostConfigLogConfig {
        typ: Some("json-file".to_owned()),
        config: Some(options.map(|(key, value)| (key.to_owned(), value)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_on_disk_is_one_file_that_is_cut() {
        let config = serde_json::to_value(log_config(1 << 20)).unwrap();
        let expected = serde_json::json!({
            "Type": "json-file", "Config": {"max-size": "1048576", "max-file": "1"}
        });
        assert_eq!(config, expected);
    }
}
