//! Opening an image of a daemon: in place where that is possible, from a streamed archive everywhere else.

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
    /// In place where possible, else streamed.
    #[default]
    Auto,
    /// In place or not at all.
    InPlace,
    /// Streamed.
    Stream,
}

/// What to read.
#[derive(Clone, Copy)]
pub struct ReadRequest<'a> {
    /// The image.
    pub reference: &'a ImageReference,
    /// The platform it must be for; none takes what the daemon has.
    pub platform: Option<&'a Platform>,
    /// How.
    pub mode: ReadMode,
    /// A folder for the temporary files of a streamed image. They have no names and vanish with the [`Source`].
    pub scratch: &'a Path,
    /// Told, as a streamed archive arrives, how many bytes there are so far.
    pub progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// What the daemon says about an image before it is read.
pub(crate) struct FoundImage {
    pub(crate) id: Digest,
    pub(crate) repo_tags: Vec<String>,
    platform: Platform,
    diff_ids: Vec<DiffId>,
    inspect: ImageInspect,
}

/// What the daemon itself says about an image, without reading it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// The daemon's ID of it.
    pub id: Digest,
    /// Its config as the daemon tells it: fields that the daemon does not know are missing.
    pub config: ImageConfig,
}

impl Daemon {
    /// Asks what an image is.
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

    /// Asks for an image.
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
        // containerd's store may have other platforms under the same name; the archive will tell.
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

    /// Why images of this daemon cannot be read in place, as far as can be told without one; `None` if they can.
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
        let folder = info.root_dir.join("overlay2");
        match std::fs::read_dir(&folder) {
            Ok(_) => None,
            Err(source) => Some(InPlaceError::Open {
                path: folder,
                source,
            }),
        }
    }

    /// Where the image is on this host, if the daemon is on it and stores images as folders.
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
            // The reader's error is but the echo of the connection's.
            (Err(_), Some(error)) => return Err(error),
            (result, _) => result?,
        };
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

    /// Which image of an exported archive it is.
    pub(crate) fn select(&self, request: &ReadRequest<'_>, found: &FoundImage) -> Select {
        let in_containerd = self.info().containerd_store;
        Select {
            config: (!in_containerd).then_some(found.id),
            name: None,
            platform: match request.platform {
                Some(wanted) => Some(wanted.clone()),
                None => in_containerd.then(|| found.platform.clone()),
            },
        }
    }

    /// Passes the archive of an image on; gives how many bytes there were and what went wrong with the connection.
    pub(crate) async fn receive(
        &self,
        request: &ReadRequest<'_>,
        id: Digest,
        sender: ChunkSender,
    ) -> (u64, Option<TransportError>) {
        // By its ID: a name without a tag would mean all images of that name.
        let mut chunks = std::pin::pin!(self.patient_client().export_image(&id.to_string()));
        let mut received = 0;
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => {
                    received += chunk.len() as u64;
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

#[derive(Default)]
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
