//! Masking of secrets in an analysis, before any renderer sees it.

use super::model::Xray;
use super::security::Masker;

/// Hides what `masker` knows wherever the analysis has words of the config and of the history.
pub(crate) fn hide_secrets(xray: &mut Xray, masker: &Masker) {
    let image = &mut xray.image;
    for entry in &mut image.env {
        *entry = masker.env(entry);
    }
    // BuildKit and CI systems copy build arguments into labels and annotations.
    for map in [&mut image.labels, &mut image.annotations] {
        for (name, value) in map {
            *value = masker.named(name, value);
        }
    }
    masker.words(&mut image.entrypoint);
    masker.words(&mut image.cmd);
    // A health check often logs in to the service that it checks: `mysqladmin -p…`, `redis-cli -a …`.
    if let Some(words) = &mut image.healthcheck {
        masker.words(words);
    }
    for step in &mut xray.dockerfile {
        step.instruction = masker.text(&step.instruction);
        step.created_by = masker.text(&step.created_by);
    }
    for layer in &mut xray.layers {
        layer.instruction = masker.text(&layer.instruction);
    }
    // Evidence and changes quote steps of the history.
    for item in &mut xray.recommendations {
        item.change = masker.text(&item.change);
        for evidence in &mut item.evidence {
            *evidence = masker.text(evidence);
        }
    }
}
