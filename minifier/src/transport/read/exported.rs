//! Images of a daemon: the archive that it exports is spooled, and read like one in a file.

use std::io::BufReader;

use tokio::task::spawn_blocking;

use super::documented::Documented;
use super::image::Reading;
use super::options::OpenOptions;
use super::spool::spool;
use crate::image::ImageReference;
use crate::tasks::joined;
use crate::transport::body::chunk_channel;
use crate::transport::docker::Daemon;
use crate::transport::docker::{ReadMode, ReadRequest};
use crate::transport::error::TransportError;
use crate::transport::location::Location;
use crate::transport::stored::StoredImage;

/// An image of a daemon, from the archive that it exports.
pub(crate) async fn exported(
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
        // No compressed length: the daemon's own archive is not compressed, and is no bomb.
        spawn_blocking(move || spool(reader, u64::MAX, &text, &options))
    };
    let (_, failed) = daemon.receive(&request, found.id, sender).await;
    let file = match (joined(spooling).await, failed) {
        // The reader only sees that the archive is cut; the connection's error says why.
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
    // Exported by its ID, so the archive itself has no names.
    if !found.repo_tags.is_empty() {
        image.names = found.repo_tags;
    }
    Ok(image)
}
