//! Layers and efficiency: what each layer brings, what it hides, and what ships without being visible.
//!
//! Efficiency is meant as `dive` means it (the part of the shipped bytes that is of use), but each byte counts once:
//! wasted is exactly what the layers hold and the merged tree does not show. `dive` adds up every path over all layers
//! and takes the smallest version as the useful one, so that a file that is overwritten or removed counts more than
//! once (its issue 684); if every hidden file is hidden by one of the same size, both give the same.
//!
//! What the layers above the lowest waste is charged to the layer that ships a path again: a `chown` of a file of the
//! base makes no byte of these layers invisible, but all that it adds was there before. A file of the base that is
//! removed does not count: the layers above did not add it.

use super::marks::LayerChanges;
use super::merged::Merged;
use super::model::{DockerfileStep, Efficiency, LayerInfo, WastedPath};
use super::scan::Scan;
use crate::rootfs::ImagePath;
use crate::transport::StoredImage;

/// Paths that are listed.
const MAX_PATHS: usize = 100;

/// The layers of an image; `steps` says which instruction made each.
pub(crate) fn layers(
    image: &StoredImage,
    scan: &Scan,
    merged: &Merged,
    steps: &[DockerfileStep],
) -> Vec<LayerInfo> {
    let mut hidden = vec![0u64; merged.layers.len()];
    for body in merged.bodies.iter().filter(|body| !body.visible) {
        let sum = &mut hidden[body.content.layer as usize];
        *sum = sum.saturating_add(body.content.size);
    }
    let diff_ids = image.config.diff_ids();
    let blobs = image.manifest.layers().iter().enumerate();
    blobs
        .map(|(index, blob)| {
            let (changes, scanned) = (&merged.layers[index], &scan.layers[index]);
            let compression = scanned.compression.map(|c| c.to_string());
            let step = steps.iter().find(|step| step.layer == Some(index));
            LayerInfo {
                index,
                digest: Some(blob.digest.to_string()),
                diff_id: diff_ids
                    .get(index)
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                // docker-archives have no media types.
                media_type: if blob.media_type.is_empty() {
                    compression.unwrap_or_default()
                } else {
                    blob.media_type.clone()
                },
                stored_size: blob.size,
                tar_size: scanned.tar_size,
                size: changes.size,
                instruction: step
                    .map(|step| step.instruction.clone())
                    .unwrap_or_default(),
                added: changes.added,
                changed: changes.changed,
                removed: changes.removed,
                hidden_size: hidden[index],
                hides_size: changes.hides,
                base: step.is_some_and(|step| step.base),
            }
        })
        .collect()
}

/// Share of the shipped bytes that is visible in the final file system.
pub(crate) fn efficiency(merged: &Merged) -> Efficiency {
    let (mut total, mut wasted, mut user_total, mut user_wasted) = (0u64, 0u64, 0u64, 0u64);
    let mut paths: Vec<(&ImagePath, u64)> = Vec::new();
    for versions in merged.bodies.chunk_by(|a, b| a.path == b.path) {
        let mut hidden = 0u64;
        // Bytes of the lowest layer that a layer above it may ship again.
        let mut replaced = 0;
        for body in versions {
            let size = body.content.size;
            total = total.saturating_add(size);
            if !body.visible {
                hidden = hidden.saturating_add(size);
            }
            if body.content.layer == 0 {
                replaced = if body.visible { 0 } else { size };
            } else {
                user_total = user_total.saturating_add(size);
                // A file of a higher layer that is visible still wastes what the lowest layer had at its path (`chown`,
                // `touch`).
                let charged = if body.visible {
                    size.min(replaced)
                } else {
                    size
                };
                user_wasted = user_wasted.saturating_add(charged);
            }
        }
        if hidden > 0 {
            wasted = wasted.saturating_add(hidden);
            paths.push((&versions[0].path, hidden));
        }
    }
    paths.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    paths.truncate(MAX_PATHS);
    // An image without files wastes nothing, and a division by zero would make the JSON invalid.
    let part = |part: u64, whole: u64, empty: f64| match whole {
        0 => empty,
        _ => part as f64 / whole as f64,
    };
    Efficiency {
        score: part(total - wasted, total, 1.0),
        wasted_bytes: wasted,
        user_wasted_bytes: user_wasted,
        user_wasted_percent: part(user_wasted, user_total, 0.0),
        wasted_paths: paths
            .into_iter()
            .map(|(path, bytes)| wasted_path(merged, path, bytes))
            .collect(),
    }
}

fn wasted_path(merged: &Merged, path: &ImagePath, bytes: u64) -> WastedPath {
    let mut layers: Vec<usize> = merged
        .bodies_at(path)
        .iter()
        .map(|body| body.content.layer as usize)
        .collect();
    layers.dedup();
    let last = layers.last().copied().unwrap_or_default();
    let above = merged.layers.iter().enumerate().skip(last + 1);
    let remover = above
        .filter(|_| {
            merged
                .rootfs
                .get(path)
                // If the path still shows a file, a higher layer replaced it: nothing removed it.
                .is_none_or(|node| node.content().is_none())
        })
        .find(|(_, changes)| removes(changes, path));
    layers.extend(remover.map(|(layer, _)| layer));
    WastedPath {
        path: path.to_string(),
        bytes,
        layers,
        removed: remover.is_some(),
    }
}

fn removes(changes: &LayerChanges, path: &ImagePath) -> bool {
    let dirs = || path.ancestors();
    changes.whiteouts.contains(path)
        || dirs().any(|dir| changes.whiteouts.contains(&dir) || changes.opaque.contains(&dir))
}
