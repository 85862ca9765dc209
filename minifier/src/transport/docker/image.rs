//! Opening an image of a daemon: in place if that is possible, otherwise from a streamed archive.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::models::ImageInspect;
use futures_util::StreamExt;
use tokio::task::spawn_blocking;

use super::daemon::Daemon;
use super::error::{api_error, words};
use super::overlay2::{InPlaceError, InPlaceImage, StoreLayout, read_in_place};
use crate::image::{DiffId, Digest, Image, ImageConfig, ImageReference, Platform};
use crate::tasks::joined;
use crate::transport::archive::{ArchiveImage, read_archive};
use crate::transport::body::{ChunkSender, chunk_channel};
use crate::transport::error::TransportError;
use crate::transport::select::Select;
use crate::transport::source::{ReadHow, Source};

/// How to read an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadMode {
    /// In place if possible, otherwise streamed.
    #[default]
    Auto,
    /// In place; an error if that is not possible.
    InPlace,
    /// As an archive that the daemon exports.
    Stream,
}

/// The image to read from a daemon, and how.
#[derive(Clone, Copy)]
pub struct ReadRequest<'a> {
    /// Name or ID of the image.
    pub reference: &'a ImageReference,
    /// The platform that the image must be for; `None` takes the one that the daemon has.
    pub platform: Option<&'a Platform>,
    /// The way to read it.
    pub mode: ReadMode,
    /// A folder for the temporary files of a streamed image. They have no names and vanish with the [`Source`].
    pub scratch: &'a Path,
    /// Called with the number of bytes so far, as a streamed archive arrives.
    pub progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// The daemon's description of an image before it is read.
pub(crate) struct FoundImage {
    pub(crate) id: Digest,
    pub(crate) repo_tags: Vec<String>,
    platform: Platform,
    diff_ids: Vec<DiffId>,
    inspect: ImageInspect,
}

/// The daemon's description of an image, without reading the image.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The daemon's ID of the image: the config's digest, in containerd's store the manifest's or index's.
    pub id: Digest,
    /// The config as the daemon reports it, without the fields that it does not know.
    pub config: ImageConfig,
}

impl Daemon {
    /// Asks the daemon for its description of an image.
    pub async fn inspect(&self, request: &ReadRequest<'_>) -> Result<Inspected, TransportError> {
        let found = self.find(request).await?;
        let config = serde_json::json!({
            "os": found.platform.os,
            "architecture": found.platform.architecture,
            "config": found.inspect.config,
            "rootfs": {"type": "layers", "diff_ids": found.diff_ids},
        });
        let config = ImageConfig::parse(config.to_string().as_bytes())?;
        Ok(Inspected {
            id: found.id,
            config,
        })
    }

    /// Opens an image. Dropping the future stops the work and frees the temporary files.
    pub async fn open(&self, request: ReadRequest<'_>) -> Result<Source, TransportError> {
        let found = self.find(&request).await?;
        let not_in_place = match request.mode {
            ReadMode::Stream => None,
            mode => match self.open_in_place(&request, &found).await {
                Ok(source) => return Ok(source),
                Err(source) if mode == ReadMode::InPlace => {
                    return Err(TransportError::InPlace {
                        reference: request.reference.to_string(),
                        source,
                    });
                }
                Err(reason) => {
                    tracing::info!(image = %request.reference, %reason, "not read in place");
                    Some(reason.to_string())
                }
            },
        };
        self.open_streamed(&request, found, not_in_place).await
    }

    /// Looks an image up.
    pub(crate) async fn find(
        &self,
        request: &ReadRequest<'_>,
    ) -> Result<FoundImage, TransportError> {
        let reference = request.reference;
        let doing = || format!("inspect image {reference}");
        let inspect = self
            .client()
            .inspect_image(reference.as_str())
            .await
            .map_err(|e| match e {
                bollard::errors::Error::DockerResponseServerError {
                    status_code: 404, ..
                } => TransportError::ImageNotFound {
                    reference: reference.to_string(),
                },
                e => api_error(doing(), e),
            })?;
        let answer = |what: String| TransportError::Answer {
            doing: doing(),
            what,
        };
        let id = inspect.id.clone().unwrap_or_default();
        let id = id.parse().map_err(|e| answer(format!("with an ID: {e}")))?;
        let platform = Platform {
            os: inspect.os.clone().unwrap_or_default(),
            architecture: inspect.architecture.clone().unwrap_or_default(),
            variant: inspect.variant.clone().filter(|v| !v.is_empty()),
        };
        let diff_ids = inspect
            .root_fs
            .as_ref()
            .and_then(|root| root.layers.as_ref());
        let diff_ids = diff_ids
            .into_iter()
            .flatten()
            .map(|id| {
                id.parse()
                    .map_err(|e| answer(format!("with a diff ID: {e}")))
            })
            .collect::<Result<_, _>>()?;
        // containerd's store may have other platforms under the same name, which shows in the archive.
        if let Some(wanted) = request.platform
            && !self.info().containerd_store
            && !platform.satisfies(wanted)
        {
            return Err(TransportError::Platform {
                reference: reference.to_string(),
                wanted: wanted.to_string(),
                found: platform.to_string(),
            });
        }
        Ok(FoundImage {
            id,
            repo_tags: inspect.repo_tags.clone().unwrap_or_default(),
            platform,
            diff_ids,
            inspect,
        })
    }

    async fn open_in_place(
        &self,
        request: &ReadRequest<'_>,
        found: &FoundImage,
    ) -> Result<Source, InPlaceError> {
        let layout = self.store_layout(found)?;
        let cancel = CancelOnDrop::default();
        let cancelled = cancel.0.clone();
        let image: InPlaceImage =
            joined(spawn_blocking(move || read_in_place(&layout, &cancelled))).await?;
        Ok(Source {
            image: Image {
                reference: request.reference.to_string(),
                config: image.config,
            },
            image_id: found.id,
            repo_tags: found.repo_tags.clone(),
            layers: image.layers,
            layer_bytes: image.layer_bytes,
            content: image.content,
            how: ReadHow::InPlace,
            archive_bytes: 0,
        })
    }

    /// The reason why no image of this daemon can be read in place; `None` if there is none that holds for all images.
    pub fn in_place_obstacle(&self) -> Option<InPlaceError> {
        let info = self.info();
        if self.endpoint().socket().is_none() {
            return Some(InPlaceError::Remote(self.endpoint().to_string()));
        }
        if info.containerd_store || info.storage_driver != "overlay2" {
            return Some(InPlaceError::Driver(info.storage_driver.clone()));
        }
        if !info.native_overlay_diff {
            return Some(InPlaceError::NotNative);
        }
        // A user in the group "docker" may use the daemon, but only root may read its folders. Likewise, a socket can
        // belong to a daemon in another mount namespace or virtual machine (Docker Desktop).
        let folder = info.root_dir.join("overlay2");
        match std::fs::read_dir(&folder) {
            Ok(_) => None,
            Err(source) => Some(InPlaceError::Open {
                path: folder,
                source,
            }),
        }
    }

    /// The place of the image on this host, if the daemon runs here and stores images as folders.
    fn store_layout(&self, found: &FoundImage) -> Result<StoreLayout, InPlaceError> {
        if let Some(obstacle) = self.in_place_obstacle() {
            return Err(obstacle);
        }
        let data = found.inspect.graph_driver.as_ref();
        Ok(StoreLayout {
            root: self.info().root_dir.clone(),
            image_id: found.id,
            driver_data: data.map(|driver| driver.data.clone()).unwrap_or_default(),
        })
    }

    async fn open_streamed(
        &self,
        request: &ReadRequest<'_>,
        found: FoundImage,
        not_in_place: Option<String>,
    ) -> Result<Source, TransportError> {
        let (sender, reader) = chunk_channel();
        let in_containerd = self.info().containerd_store;
        let select = self.select(request, &found);
        let scratch = request.scratch.to_owned();
        let reading = spawn_blocking(move || read_archive(reader, &scratch, &select));
        let (archive_bytes, failed) = self.receive(request, found.id, sender).await;
        let image: ArchiveImage = match (joined(reading).await, failed) {
            // The reader only sees that the archive is cut; the connection's error says why.
            (Err(_), Some(error)) => return Err(error),
            (result, _) => result?,
        };
        // The description and the archive must be of one image. Of a platform that was asked for, containerd's store
        // gives no description, so there is nothing to compare.
        let is_same_image = request.platform.is_none() || !in_containerd;
        if is_same_image && image.config.diff_ids() != found.diff_ids {
            return Err(TransportError::Answer {
                doing: format!("export image {}", request.reference),
                what: "with other layers than those it names".into(),
            });
        }
        Ok(Source {
            image: Image {
                reference: request.reference.to_string(),
                config: image.config,
            },
            image_id: found.id,
            repo_tags: found.repo_tags,
            layers: image.layers,
            layer_bytes: image.layer_bytes,
            content: image.content,
            how: ReadHow::Streamed { not_in_place },
            archive_bytes,
        })
    }

    /// The choice of this image in an exported archive.
    pub(crate) fn select(&self, request: &ReadRequest<'_>, found: &FoundImage) -> Select {
        let in_containerd = self.info().containerd_store;
        Select {
            // An ID in containerd's store is the digest of a manifest or index, not of a config.
            config: (!in_containerd).then_some(found.id),
            name: None,
            platform: match request.platform {
                Some(wanted) => Some(wanted.clone()),
                None => in_containerd.then(|| found.platform.clone()),
            },
        }
    }

    /// Passes on the archive of an image. Returns the number of bytes, and the connection's error if there was one.
    pub(crate) async fn receive(
        &self,
        request: &ReadRequest<'_>,
        id: Digest,
        sender: ChunkSender,
    ) -> (u64, Option<TransportError>) {
        // By its ID: for a name without a tag, the daemon exports all images of that name.
        let mut chunks = std::pin::pin!(self.patient_client().export_image(&id.to_string()));
        let mut received = 0;
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    received += chunk.len() as u64;
                    // The reader has failed, and its error is the one that counts.
                    if !sender.data(chunk).await {
                        return (received, None);
                    }
                    (request.progress)(received);
                }
                Err(e) => {
                    sender.fail(std::io::Error::other(words(&e))).await;
                    let doing = format!("export image {}", request.reference);
                    return (received, Some(api_error(doing, e)));
                }
            }
        }
        sender.end().await;
        (received, None)
    }
}

/// A blocking task cannot be dropped: it sees this flag and stops.
#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
