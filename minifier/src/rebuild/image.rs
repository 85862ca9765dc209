//! Puts the new image together: layers, then history, labels and config.

use std::collections::BTreeMap;
use std::path::Path;

use super::history;
use super::layer_file::LayerWriter;
use super::model::{
    LayerMode, Progress, RebuildError, RebuildOptions, Rebuilt, RebuiltLayer, Watch,
};
use super::select::select;
use crate::image::{DiffId, Image, ImageConfig};
use crate::plan::{KeepSet, Totals};
use crate::rootfs::{ContentStore, RootFs};

/// Label: version of `minifier` that wrote the image.
pub const LABEL_VERSION: &str = "org.minifier.version";
/// Label: image ID (digest of the config) of the image it was made from.
pub const LABEL_SOURCE: &str = "org.minifier.source.image-id";

/// Writes the layers of the new image into `scratch` (an existing folder of the caller, who removes it) and gives
/// the image. `rootfs` is the merged tree of `image`, `keep` are paths of it. Blocks; streams; the same input
/// gives the same bytes.
pub fn rebuild(
    image: &Image,
    rootfs: &RootFs,
    keep: &KeepSet,
    content: &dyn ContentStore,
    options: &RebuildOptions,
    scratch: &Path,
    watch: Watch<'_>,
) -> Result<Rebuilt, RebuildError> {
    let created = options.source_date_epoch.map(rfc3339).transpose()?;
    let selections = select(rootfs, keep, image.layers().len(), options.layers)?;
    let mut writer = LayerWriter {
        rootfs,
        content,
        scratch,
        latest: options.source_date_epoch,
        watch,
        progress: Progress::default(),
    };
    let mut layers = Vec::new();
    let mut totals = Totals::default();
    let mut kept = Vec::with_capacity(selections.len());
    for selection in selections {
        kept.push(!selection.entries.is_empty());
        if selection.entries.is_empty() {
            continue;
        }
        let (file, of_layer) = writer.write(&selection)?;
        totals.files += of_layer.files;
        totals.bytes += of_layer.bytes;
        layers.push(RebuiltLayer {
            file,
            from: selection.from.into_iter().collect(),
            totals: of_layer,
        });
    }
    let config = new_config(image, options, &layers, &kept, created.as_deref());
    Ok(Rebuilt {
        image_id: config.digest(),
        config,
        layers,
        original_layers: image.layers().len(),
        totals,
    })
}

fn new_config(
    image: &Image,
    options: &RebuildOptions,
    layers: &[RebuiltLayer],
    kept: &[bool],
    created: Option<&str>,
) -> ImageConfig {
    let original = &image.config;
    let when = created.or(original.created());
    let history = match options.layers {
        LayerMode::Preserve => history::preserved(original.history(), image.layers(), kept, when),
        LayerMode::Flatten => {
            history::flattened(original.history(), image.layers(), !layers.is_empty(), when)
        }
    };
    let mut labels = BTreeMap::from([
        (
            LABEL_VERSION.to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
        (LABEL_SOURCE.to_owned(), original.digest().to_string()),
    ]);
    labels.extend(options.labels.clone());
    let diff_ids: Vec<DiffId> = layers.iter().map(|layer| layer.file.diff_id).collect();
    let config = original.with_layers(&diff_ids, &history, &labels);
    match created {
        Some(time) => config.with_created(time),
        None => config,
    }
}

fn rfc3339(seconds: i64) -> Result<String, RebuildError> {
    jiff::Timestamp::from_second(seconds)
        .map(|time| time.to_string())
        .map_err(|_| RebuildError::SourceDateEpoch(seconds))
}
