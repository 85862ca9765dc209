//! [`open_image`]: an image from any location, as it is stored.

use std::io::BufReader;
use std::path::PathBuf;

use tokio::task::spawn_blocking;

use super::documented::{Documented, documents};
use super::image::Reading;
use super::spool::spool;
use crate::image::{ImageReference, Platform};
use crate::tasks::joined;
use crate::transport::body::chunk_channel;
use crate::transport::control::Control;
use crate::transport::daemon::Daemon;
use crate::transport::error::TransportError;
use crate::transport::limits::Limits;
use crate::transport::location::{Location, Place};
use crate::transport::registry::{self, RegistryOptions};
use crate::transport::select::check_layers;
use crate::transport::source::{ReadMode, ReadRequest};
use crate::transport::stored::StoredImage;

/// How to read an image.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The platform it must be for; none takes the host's of several.
    pub platform: Option<Platform>,
    /// A folder for temporary files. They have no names and vanish with the image.
    pub scratch: PathBuf,
    /// What the layers may come to.
    pub limits: Limits,
    /// Credentials and certificates for registries.
    pub registry: RegistryOptions,
    /// Who watches.
    pub control: Control,
}

/// Opens the image at a location; a plain name is taken for one of the Docker daemon. Layers are read later, and
/// checked then. Ends early with [`TransportError::Cancelled`] where the control says so.
pub async fn open_image(
    location: &Location,
    options: &OpenOptions,
) -> Result<StoredImage, TransportError> {
    let opened = tokio::select! {
        opened = open(location, options) => opened,
        () = options.control.cancelled() => Err(cancelled(location)),
    };
    match opened {
        Err(_) if options.control.is_cancelled() => Err(cancelled(location)),
        opened => opened,
    }
}

fn cancelled(location: &Location) -> TransportError {
    TransportError::Cancelled {
        doing: "read",
        location: location.to_string(),
    }
}

async fn open(location: &Location, options: &OpenOptions) -> Result<StoredImage, TransportError> {
    match location.place() {
        Place::Plain(reference) | Place::DockerDaemon(reference) => {
            let daemon = Daemon::connect().await?;
            exported(&daemon, reference, location, options).await
        }
        Place::ContainersStorage(reference) => {
            let podman = Daemon::podman().await?;
            exported(&podman, reference, location, options).await
        }
        Place::Registry(reference) => {
            let platform = options.platform.as_ref();
            let cancel = options.control.token();
            let image = registry::pull(reference, platform, &options.registry, cancel).await?;
            check_layers(&image.manifest).map_err(|source| TransportError::Layout {
                location: location.to_string(),
                source: Box::new(source),
            })?;
            Ok(image)
        }
        Place::DockerArchive { .. }
        | Place::OciArchive { .. }
        | Place::OciLayout { .. }
        | Place::Stdio => {
            let (location, options) = (location.clone(), options.clone());
            joined(spawn_blocking(move || local(&location, &options))).await
        }
    }
}

/// What is in files of this host. Blocks.
fn local(location: &Location, options: &OpenOptions) -> Result<StoredImage, TransportError> {
    let reading = Reading {
        location: location.as_str(),
        control: &options.control,
    };
    match documents(location, options)? {
        Some((documented, select)) => documented.open(&select, &reading),
        None => unreachable!("{location} is not in files of this host"),
    }
}

/// An image of a daemon, from the archive that it exports.
async fn exported(
    daemon: &Daemon,
    reference: &ImageReference,
    location: &Location,
    options: &OpenOptions,
) -> Result<StoredImage, TransportError> {
    let request = ReadRequest {
        reference,
        platform: options.platform.as_ref(),
        mode: ReadMode::Stream,
        scratch: &options.scratch,
        progress: &|_| {},
    };
    let found = daemon.find(&request).await?;
    let select = daemon.select(&request, &found);
    let (sender, reader) = chunk_channel();
    let spooling = {
        let (text, options) = (location.to_string(), options.clone());
        let reader = BufReader::new(reader);
        spawn_blocking(move || spool(reader, u64::MAX, &text, &options))
    };
    let (_, failed) = daemon.receive(&request, found.id, sender).await;
    let file = match (joined(spooling).await, failed) {
        // The reader's error is but the echo of the connection's.
        (Err(_), Some(error)) => return Err(error),
        (file, _) => file?,
    };
    let (text, control) = (location.to_string(), options.control.clone());
    let mut image = joined(spawn_blocking(move || {
        let reading = Reading {
            location: &text,
            control: &control,
        };
        Documented::archive(file, &text, &control)?.open(&select, &reading)
    }))
    .await?;
    if !found.repo_tags.is_empty() {
        image.names = found.repo_tags;
    }
    Ok(image)
}
