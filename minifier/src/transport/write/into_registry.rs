//! Pushing an image to a registry.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::options::{WriteOptions, Written};
use crate::image::ImageReference;
use crate::tasks::joined;
use crate::transport::error::TransportError;
use crate::transport::registry;
use crate::transport::stored::StoredImage;

/// Pushes the image to a registry.
pub(crate) async fn pushed(
    stored: &StoredImage,
    reference: &ImageReference,
    options: &WriteOptions,
) -> Result<Written, TransportError> {
    let image = {
        let (stored, options) = (stored.clone(), options.clone());
        joined(spawn_blocking(move || options.compressed(&stored))).await?
    };
    let control = options.control.clone();
    let watch = Arc::new(move |bytes| {
        // An error means "cancelled", and the token has stopped the push already.
        let _ = control.advance(bytes);
    });
    let token = options.control.token();
    let pushed = registry::push(&image, reference, &options.registry, token, Some(watch)).await?;
    let notes = [
        (pushed.present, "layers were there already"),
        (
            pushed.mounted,
            "layers were taken over from another repository",
        ),
    ];
    Ok(Written {
        manifest: pushed.digest,
        image_id: image.config.digest(),
        bytes: pushed.bytes,
        notes: notes
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect(),
    })
}
