//! Loading an image into a daemon.

use std::io;
use std::sync::{Arc, OnceLock};

use tokio::task::spawn_blocking;

use super::archive::docker_archive;
use super::error::WriteError;
use super::options::{WriteOptions, Written, cancelled};
use crate::image::{ImageReference, TaggedName};
use crate::tasks::joined;
use crate::transport::body::ArchiveBody;
use crate::transport::docker::Daemon;
use crate::transport::error::TransportError;
use crate::transport::location::Location;
use crate::transport::stored::StoredImage;

/// The daemon at a location, unless the control stops the work before it has answered.
pub(crate) async fn reached(
    connecting: impl Future<Output = Result<Daemon, TransportError>>,
    location: &Location,
    options: &WriteOptions,
) -> Result<Daemon, TransportError> {
    tokio::select! {
        daemon = connecting => daemon,
        () = options.control.cancelled() => Err(cancelled(location)),
    }
}

/// Loads the image into a daemon, as a stream.
pub(crate) async fn loaded(
    stored: &StoredImage,
    daemon: &Daemon,
    reference: &ImageReference,
    location: &Location,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    let name: TaggedName = reference.as_str().parse()?;
    let tags = vec![name];
    let image = {
        let (stored, options) = (stored.clone(), options.clone());
        // Before the request begins: a daemon would wait for the first byte for as long as the layers take to unpack.
        joined(spawn_blocking(move || options.uncompressed(&stored))).await?
    };
    let written = Arc::new(OnceLock::new());
    let body = {
        let (slot, image) = (written.clone(), image.clone());
        let (tags, options) = (tags.clone(), options.clone());
        ArchiveBody::written_by(move |out| {
            let result = docker_archive(&image, &tags, &options, out);
            let info = result.as_ref().ok().cloned();
            let failed = result.err();
            let text = failed.as_ref().map(ToString::to_string);
            // The request's own error would only be "body failed", so the typed one goes round it.
            slot.get_or_init(|| (info, failed));
            text.map_or(Ok(()), |text| Err(io::Error::other(text)))
        })
    };
    let loaded = daemon
        .load(body, &image.config, &tags, options.control.token())
        .await
        .and_then(|loaded| loaded.ok_or_else(|| cancelled(location)));
    let written = Arc::into_inner(written).and_then(OnceLock::into_inner);
    match (loaded, written) {
        // The daemon complains about a cut archive; the reason why it was cut is the error.
        (Err(_), Some((_, Some(error)))) if !is_pipe(&error) => Err(error),
        (Err(error), _) => Err(error),
        (Ok(_), Some((Some(info), _))) => Ok(info.into()),
        // A daemon that answers "loaded" before the end of the archive may have loaded another image of that name.
        (Ok(_), _) => Err(TransportError::Answer {
            doing: "load the image into the Docker daemon".into(),
            what: "before it had read all of it".into(),
        }),
    }
}

/// Whether the receiver closed the connection; its answer says why.
fn is_pipe(error: &TransportError) -> bool {
    matches!(error, TransportError::WriteArchive(WriteError::Write(source))
        if source.kind() == io::ErrorKind::BrokenPipe)
}
