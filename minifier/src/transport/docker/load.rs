//! Loading an archive into a daemon, and checking that the tags point to that image afterwards.

use std::time::Duration;

use bollard::errors::Error as Api;
use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::TryStreamExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::daemon::Daemon;
use super::error::api_error;
use super::handover::Handover;
use crate::image::{Digest, ImageConfig, TaggedName};
use crate::transport::body::ArchiveBody;
use crate::transport::error::TransportError;

/// Time for the answer of a daemon that has the whole archive, after the load was cancelled.
const PATIENCE: Duration = Duration::from_secs(10);

/// An image that a daemon loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The daemon's ID of the image: the config's digest, in containerd's store the manifest's.
    pub image_id: Digest,
    /// The names of the image, as Docker lists them.
    pub tags: Vec<String>,
}

impl Daemon {
    /// Loads an archive that holds one image with this `config`, and these `tags` in its `RepoTags`. Checks afterwards
    /// that each tag points to that image.
    ///
    /// Returns `None` if `cancel` was cancelled before the daemon had the whole archive. After that the daemon keeps
    /// the image, so its answer is awaited for some seconds; [`TransportError::Unanswered`] if it does not come.
    pub async fn load(
        &self,
        archive: ArchiveBody,
        config: &ImageConfig,
        tags: &[TaggedName],
        cancel: &CancellationToken,
    ) -> Result<Option<LoadedImage>, TransportError> {
        let handover = Handover::default();
        let loading = self.load_whole(archive.through(handover.clone()), config, tags);
        tokio::pin!(loading);
        tokio::select! {
            loaded = &mut loading => return loaded.map(Some),
            () = cancel.cancelled() => {}
        }
        if handover.call_off() {
            return Ok(None);
        }
        match timeout(PATIENCE, loading).await {
            Ok(loaded) => loaded.map(Some),
            Err(_) => Err(TransportError::Unanswered {
                name: match tags.first() {
                    Some(tag) => tag.to_string(),
                    None => config.digest().to_string(),
                },
            }),
        }
    }

    async fn load_whole(
        &self,
        archive: ArchiveBody,
        config: &ImageConfig,
        tags: &[TaggedName],
    ) -> Result<LoadedImage, TransportError> {
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        // Errors come within the stream, with status 200: bollard finds them.
        let lines: Vec<String> = self
            .patient_client()
            .import_image_stream(options, archive, None)
            .map_ok(|line| line.stream.unwrap_or_default())
            .try_collect()
            .await
            .map_err(|e| api_error("load the image into the Docker daemon", e))?;
        let image_id = match tags.first() {
            Some(tag) => self.loaded_image(tag, config).await?,
            None => {
                // In containerd's store an image without a name has another ID than its config's digest; only the
                // message says which.
                let id = untagged_id(&lines).unwrap_or_else(|| config.digest());
                self.loaded_image(&id.to_string(), config).await?
            }
        };
        for tag in tags.iter().skip(1) {
            let other = self.loaded_image(tag, config).await?;
            if other != image_id {
                return Err(TransportError::WrongImage {
                    tag: tag.clone(),
                    expected: image_id.to_string(),
                    found: other.to_string(),
                });
            }
        }
        Ok(LoadedImage { image_id, tags })
    }

    /// The ID of what `name` points to, which must be the image with this config.
    async fn loaded_image(
        &self,
        name: &str,
        config: &ImageConfig,
    ) -> Result<Digest, TransportError> {
        let doing = format!("inspect the loaded image {name}");
        let wrong = |found: String| TransportError::WrongImage {
            tag: name.to_owned(),
            expected: config.digest().to_string(),
            found,
        };
        let inspect = match self.client().inspect_image(name).await {
            Ok(inspect) => inspect,
            Err(Api::DockerResponseServerError {
                status_code: 404, ..
            }) => return Err(wrong("nothing".into())),
            Err(e) => return Err(api_error(doing, e)),
        };
        let answer = |what: String| TransportError::Answer {
            doing: doing.clone(),
            what,
        };
        let id = inspect.id.unwrap_or_default();
        let id: Digest = id.parse().map_err(|e| answer(format!("with an ID: {e}")))?;
        let layers = inspect
            .root_fs
            .and_then(|root| root.layers)
            .unwrap_or_default();
        let same_layers = layers
            .into_iter()
            .eq(config.diff_ids().iter().map(ToString::to_string));
        // containerd's store identifies an image by its manifest, whose digest depends on how the store compresses.
        let is_it = if self.info().containerd_store {
            same_layers
        } else {
            same_layers && id == config.digest()
        };
        if is_it {
            return Ok(id);
        }
        Err(wrong(id.to_string()))
    }
}

/// The ID in the line `Loaded image ID: sha256:…`.
fn untagged_id(lines: &[String]) -> Option<Digest> {
    lines
        .iter()
        .filter_map(|line| line.trim().strip_prefix("Loaded image ID: "))
        .find_map(|id| id.parse().ok())
}
