//! [`ImageOrigin`]: where the image comes from, and reading it from there.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::task::spawn_blocking;

use super::shared::Build;
use crate::cli::error::CliError;
use crate::cli::errors;
use crate::cli::printer::ShownStage;
use crate::cli::storage;
use crate::image::{Digest, ImageConfig, ImageReference};
use crate::tasks::joined;
use crate::transport::{
    Daemon, Inspected, Place, ReadRequest, Source, StoredImage, kept_annotations, open_source,
};
use crate::units::Size;

/// The image's location after it was found: its config is known, its layers are not read yet.
pub(crate) enum ImageOrigin {
    /// The Docker daemon has it.
    Daemon {
        daemon: Box<Daemon>,
        /// Its name there.
        reference: ImageReference,
        /// The daemon's answer about it.
        inspected: Box<Inspected>,
    },
    /// It is stored anywhere else.
    Stored(Box<StoredImage>),
}

impl ImageOrigin {
    pub(crate) async fn find(build: &Build<'_>, scratch: &Path) -> Result<Self, CliError> {
        let options = build.options;
        match options.target.place() {
            Place::Plain(reference) | Place::DockerDaemon(reference) => {
                let about = |error| storage::about(&options.target, error);
                let daemon = build.unless_cancelled(Daemon::connect()).await?;
                let daemon = daemon.map_err(|error| about(errors::no_daemon(error)))?;
                let request = request(build, reference, scratch, &|_| {});
                let inspected = build.unless_cancelled(daemon.inspect(&request)).await?;
                let inspected = inspected.map_err(|error| about(CliError::from(error)))?;
                Ok(Self::Daemon {
                    daemon: Box::new(daemon),
                    reference: reference.clone(),
                    inspected: Box::new(inspected),
                })
            }
            _ => {
                let control = storage::control(build.printer, "open", &build.cancel);
                let open = options.open(scratch, control);
                let opening = storage::open(&options.target, &open, build.printer);
                let stored = build.unless_cancelled(opening).await??;
                Ok(Self::Stored(Box::new(stored)))
            }
        }
    }

    /// Digest of its config, or the daemon's ID of it.
    pub(crate) fn image_id(&self) -> Digest {
        match self {
            Self::Daemon { inspected, .. } => inspected.id,
            Self::Stored(stored) => stored.config.digest(),
        }
    }

    pub(crate) fn config(&self) -> &ImageConfig {
        match self {
            Self::Daemon { inspected, .. } => &inspected.config,
            Self::Stored(stored) => &stored.config,
        }
    }

    /// Annotations of its manifest that stay true of the new image.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        match self {
            Self::Daemon { .. } => BTreeMap::new(),
            Self::Stored(stored) => kept_annotations(&stored.manifest),
        }
    }

    /// Reads what its layers hold.
    pub(crate) async fn read(
        &self,
        build: &Build<'_>,
        scratch: &Path,
        stage: ShownStage,
    ) -> Result<Source, CliError> {
        match self {
            Self::Daemon {
                daemon, reference, ..
            } => {
                let progress = |bytes| stage.at(Size(bytes).to_string());
                let request = request(build, reference, scratch, &progress);
                let source = build.unless_cancelled(daemon.open(request)).await?;
                source.map_err(CliError::from)
            }
            Self::Stored(stored) => {
                drop(stage);
                let control = storage::control(build.printer, "read", &build.cancel);
                let (stored, scratch) = (StoredImage::clone(stored), scratch.to_owned());
                let limits = build.options.limits;
                // Not dropped on cancellation: the thread watches the token.
                let reading =
                    spawn_blocking(move || open_source(&stored, &scratch, limits, &control));
                joined(reading).await.map_err(CliError::from)
            }
        }
    }
}

fn request<'a>(
    build: &'a Build<'_>,
    reference: &'a ImageReference,
    scratch: &'a Path,
    progress: &'a (dyn Fn(u64) + Send + Sync),
) -> ReadRequest<'a> {
    ReadRequest {
        reference,
        platform: build.options.platform.as_ref(),
        mode: build.options.read,
        scratch,
        progress,
    }
}
