//! Puts the new image together: layers, then history, labels and config.

use std::collections::BTreeMap;
use std::path::Path;

use super::history;
use super::layer_file::LayerWriter;
use super::model::{
    LayerMode, RebuildError, RebuildOptions, RebuildProgress, RebuildWatch, Rebuilt, RebuiltLayer,
};
use super::select::select;
use crate::image::{DiffId, Image, ImageConfig};
use crate::plan::{KeepSet, Totals};
use crate::rootfs::MergedImage;

/// Label: version of `minifier` that wrote the image.
pub const LABEL_VERSION: &str = "org.minifier.version";
/// Label: image ID (digest of the config) of the image it was made from.
pub const LABEL_SOURCE: &str = "org.minifier.source.image-id";

/// Writes the layers of the new image into `scratch` (an existing folder of the caller, who removes it) and gives
/// the image. `keep` are paths of the merged tree. Blocks; streams; the same input gives the same bytes.
///
/// # Errors
///
/// [`RebuildError`] if `keep` and the tree do not belong together, if a kept path has what tar cannot express, if bytes
/// cannot be read or written, or if `watch` breaks. The scratch folder may then contain layers that are complete, but no
/// half of one.
///
/// # Examples
///
/// ```
/// use std::io::{self, Read};
/// use std::ops::ControlFlow;
///
/// use minifier::image::{Image, ImageConfig};
/// use minifier::plan::{KeepSet, Reason};
/// use minifier::rebuild::{RebuildOptions, rebuild};
/// use minifier::rootfs::{
///     ContentRef, ContentStore, EntryKind, LayerEntry, LayerIndex, MergedImage, Metadata, RootFs,
/// };
///
/// struct Words;
///
/// impl ContentStore for Words {
///     fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
///         Ok(Box::new([&b"kept\n"[..], b"dropped\n"][content.at as usize]))
///     }
/// }
///
/// let file = |path: &str, at, size| LayerEntry {
///     path: path.into(),
///     meta: Metadata { mode: 0o644, ..Metadata::default() },
///     kind: EntryKind::File(ContentRef { layer: 0, at, size }),
/// };
/// let entries = vec![file("/a", 0, 5), file("/b", 1, 8)];
/// let rootfs = RootFs::merge([LayerIndex { entries }])?;
/// let config = br#"{"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [
///     "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#;
/// let image = Image { reference: "app".into(), config: ImageConfig::parse(config)? };
/// let merged = MergedImage { image: &image, rootfs: &rootfs, content: &Words };
/// let mut keep = KeepSet::default();
/// keep.insert("/a".into(), Reason::Parent);
/// let scratch = tempfile::tempdir()?;
///
/// let options = RebuildOptions::default();
/// let mut watch = |_| ControlFlow::Continue(());
/// let rebuilt = rebuild(merged, &keep, &options, scratch.path(), &mut watch)?;
///
/// assert_eq!((rebuilt.totals.files, rebuilt.totals.bytes), (1, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn rebuild(
    merged: MergedImage<'_>,
    keep: &KeepSet,
    options: &RebuildOptions,
    scratch: &Path,
    watch: RebuildWatch<'_>,
) -> Result<Rebuilt, RebuildError> {
    let MergedImage {
        image,
        rootfs,
        content,
    } = merged;
    let created = options.source_date_epoch.map(rfc3339).transpose()?;
    let selections = select(rootfs, keep, image.layers().len(), options.layers)?;
    let mut writer = LayerWriter {
        rootfs,
        content,
        scratch,
        latest: options.source_date_epoch,
        watch,
        progress: RebuildProgress::default(),
    };
    let mut layers = Vec::new();
    let mut totals = Totals::default();
    let mut kept = Vec::with_capacity(selections.len());
    for selection in selections {
        kept.push(!selection.entries.is_empty());
        // An empty layer would be a layer of the result that no history entry explains.
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
    // The user's labels win, also over ours.
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
