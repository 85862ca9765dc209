//! [`with_right_types`]: media types of layers that match their bytes. Some builders call a gzip file `tar`; `validate`
//! and strict engines refuse a copy that repeats it.

use serde_json::Value;

use crate::image::media_type::{DOCKER_LAYER, LayerKind, OCI_LAYER};
use crate::image::{Descriptor, Manifest};
use crate::rootfs::tar::Compression;
use crate::transport::control::Control;
use crate::transport::error::TransportError;
use crate::transport::layers::said_compression;
use crate::transport::parallel::{for_each, processors};
use crate::transport::stored::StoredImage;

/// The same image with the right media type for each layer in its manifest, and a sentence for each layer whose type
/// was wrong. The very same image if all were right. Blocks.
pub(crate) fn with_right_types(
    stored: &StoredImage,
    control: &Control,
) -> Result<(StoredImage, Vec<String>), TransportError> {
    let layers = stored.manifest.layers();
    let right = for_each(layers, processors(), |layer| {
        right_type(stored, layer, control)
    })?;
    if right.iter().all(Option::is_none) {
        return Ok((stored.clone(), Vec::new()));
    }
    let mut notes = Vec::new();
    // Edited as JSON, so that unknown fields survive.
    let mut document: Value = serde_json::from_slice(stored.manifest.bytes())
        .unwrap_or_else(|e| unreachable!("it was parsed before: {e}"));
    for (number, (layer, right)) in layers.iter().zip(right).enumerate() {
        if let Some(right) = right {
            notes.push(format!(
                "layer {} was called {:?} and is now {right:?}, as its bytes are: the manifest has a new digest",
                layer.digest, layer.media_type
            ));
            document["layers"][number]["mediaType"] = right.into();
        }
    }
    let bytes =
        serde_json::to_vec(&document).unwrap_or_else(|e| unreachable!("a value becomes JSON: {e}"));
    let manifest = Manifest::parse(bytes, stored.manifest.media_type())
        .unwrap_or_else(|e| unreachable!("only media types of layers were changed: {e}"));
    let image = StoredImage {
        manifest,
        ..stored.clone()
    };
    Ok((image, notes))
}

/// The media type that a layer should have; `None` if it has it, or if it is not a layer of a file system.
fn right_type(
    stored: &StoredImage,
    layer: &Descriptor,
    control: &Control,
) -> Result<Option<String>, TransportError> {
    if LayerKind::of(&layer.media_type) != LayerKind::Tar {
        return Ok(None);
    }
    let found = stored.compression(layer, control)?;
    if said_compression(&layer.media_type) == found {
        return Ok(None);
    }
    // The family stays, so that no manifest mixes Docker's types with OCI's.
    let (base, mark) = if layer.media_type.starts_with(DOCKER_LAYER) {
        (DOCKER_LAYER, '.')
    } else {
        (OCI_LAYER, '+')
    };
    Ok(Some(match found {
        Compression::None => base.to_owned(),
        Compression::Gzip | Compression::Zstd => format!("{base}{mark}{found}"),
    }))
}
