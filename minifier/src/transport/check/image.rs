//! [`check_image`]: a manifest against its config and its blobs.

use std::collections::BTreeSet;

use super::layer::check_layer;
use super::mismatch::Mismatch;
use crate::image::media_type::{DOCKER_CONFIG, OCI_CONFIG};
use crate::image::{Descriptor, DiffId, Digest, ImageConfig, Manifest};
use crate::transport::control::Control;
use crate::transport::limits::{LayerBudget, Limits};
use crate::transport::parallel::{for_each, processors};
use crate::transport::stored::BlobStore;

/// Checks everything that a manifest names; `config` is missing if it cannot be read, which is reported elsewhere.
/// Blocks.
pub(crate) fn check_image(
    manifest: &Manifest,
    config: Option<&ImageConfig>,
    blobs: &dyn BlobStore,
    limits: Limits,
    control: &Control,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    if let Some(config) = config {
        check_config(manifest, config, &mut found);
    }
    let diff_ids = config.map_or(&[][..], ImageConfig::diff_ids);
    let mut layers: Vec<(&Descriptor, Option<DiffId>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, layer) in manifest.layers().iter().enumerate() {
        // The size and the type belong to the key: descriptors of one blob can contradict each other.
        let diff_id = diff_ids.get(number).copied();
        if seen.insert((layer.digest, layer.size, &layer.media_type, diff_id)) {
            layers.push((layer, diff_id));
        }
    }
    let budget = LayerBudget::new(limits);
    // Nothing ends a check early, so there is no error.
    let checked = for_each(&layers, processors(), |&(layer, diff_id)| {
        Ok::<_, std::convert::Infallible>(check_layer(blobs, layer, diff_id, &budget, control))
    });
    match checked {
        Ok(of_layers) => found.extend(of_layers.into_iter().flatten()),
        Err(never) => match never {},
    }
    found
}

/// Checks the config against the manifest and against itself.
fn check_config(manifest: &Manifest, config: &ImageConfig, found: &mut Vec<Mismatch>) {
    let descriptor = manifest.config();
    // The bytes as stored, so this is the digest of the blob and not of our own JSON.
    let bytes = config.to_bytes();
    let mut wrong = |message: String| {
        found.push(Mismatch {
            object: format!("config {}", descriptor.digest),
            message,
        });
    };
    let digest = Digest::of(&bytes);
    if digest != descriptor.digest {
        wrong(format!("its bytes have the digest {digest}"));
    }
    if bytes.len() as u64 != descriptor.size {
        wrong(format!(
            "it has {} bytes, the manifest says {}",
            bytes.len(),
            descriptor.size
        ));
    }
    if ![OCI_CONFIG, DOCKER_CONFIG].contains(&&*descriptor.media_type) {
        let media_type = &descriptor.media_type;
        wrong(format!(
            "its media type {media_type:?} is not that of an image config"
        ));
    }
    let (layers, diff_ids) = (manifest.layers().len(), config.diff_ids().len());
    if layers != diff_ids {
        wrong(format!(
            "it has {diff_ids} diff IDs, the manifest {layers} layers"
        ));
    }
    let history = config.history();
    let steps = history.iter().filter(|step| !step.empty_layer).count();
    // History is optional (OCI spec, `config.md`), but not half of it.
    if !history.is_empty() && steps != diff_ids {
        wrong(format!("its history is of {steps} layers, not {diff_ids}"));
    }
}
