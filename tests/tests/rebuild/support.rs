//! What all tests of the rebuild stage use: running it, reading its layers back, and what always holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use minifier::image::Image;
use minifier::plan::KeepSet;
use minifier::rebuild::{LayerMode, RebuildError, RebuildOptions, Rebuilt, rebuild};
use minifier::rootfs::{
    ContentRef, ContentStore, EntryKind, ImagePath, LayerEntry, LayerIndex, MergedImage, RootFs,
};
use minifier_tests::layers::{MemoryStore, entry, image};
use minifier_tests::listing::{self, ALL};
use minifier_tests::ustar;

pub(crate) const MODES: [LayerMode; 2] = [LayerMode::Preserve, LayerMode::Flatten];

pub(crate) fn options(layers: LayerMode) -> RebuildOptions {
    RebuildOptions {
        layers,
        ..RebuildOptions::default()
    }
}

pub(crate) fn input<'a>(
    image: &'a Image,
    rootfs: &'a RootFs,
    content: &'a dyn ContentStore,
) -> MergedImage<'a> {
    MergedImage {
        image,
        rootfs,
        content,
    }
}

pub(crate) fn build(
    merged: MergedImage<'_>,
    keep: &KeepSet,
    options: &RebuildOptions,
    scratch: &Path,
) -> Result<Rebuilt, RebuildError> {
    let mut watch = |_| ControlFlow::Continue(());
    rebuild(merged, keep, options, scratch, &mut watch)
}

pub(crate) fn read_back(rebuilt: &Rebuilt) -> (Vec<LayerIndex>, MemoryStore) {
    let mut store = MemoryStore::default();
    let layers = rebuilt.layers.iter().enumerate().map(|(n, layer)| {
        let file = File::open(&layer.file.path).unwrap();
        ustar::read_layer(file, n as u32, &mut store).unwrap_or_else(|e| panic!("layer {n}: {e:#}"))
    });
    (layers.collect(), store)
}

/// The properties that hold for every rebuild.
pub(crate) fn check(
    rootfs: &RootFs,
    store: &MemoryStore,
    keep: &KeepSet,
    layers: usize,
    mode: LayerMode,
) {
    let scratch = tempfile::tempdir().unwrap();
    let image = image(layers);
    let rebuilt = build(
        input(&image, rootfs, store),
        keep,
        &options(mode),
        scratch.path(),
    )
    .unwrap();
    let (indexes, read) = read_back(&rebuilt);

    let mut seen: BTreeMap<ImagePath, LayerEntry> = BTreeMap::new();
    for index in &indexes {
        assert!(!index.entries.is_empty(), "an empty layer was written");
        let paths: Vec<_> = index.entries.iter().map(|e| &e.path).collect();
        assert!(paths.is_sorted(), "entries are not in order: {paths:?}");
        for found in &index.entries {
            if let Some(other) = seen.insert(found.path.clone(), found.clone()) {
                assert_eq!(found.kind, EntryKind::Directory, "{}", found.path);
                assert_eq!(found, &other, "layers disagree about a directory");
            }
            if let Some(parent) = found.path.parent().filter(|p| !p.is_root()) {
                assert!(paths.contains(&&parent), "{parent} is not in the layer");
            }
        }
    }

    let merged = RootFs::merge(indexes.clone()).unwrap();
    let found = listing::of_tree(&merged, &read, None, ALL);
    let expected = listing::of_tree(rootfs, store, Some(keep), ALL);
    listing::assert_same("rebuilt tree", &found, &expected);

    let contents = |rootfs: &RootFs, store: &MemoryStore, chosen: &dyn Fn(&ImagePath) -> bool| {
        let mut refs: Vec<ContentRef> = rootfs
            .walk()
            .filter(|(path, _)| chosen(path))
            .filter_map(|(_, id)| rootfs.node(id).content())
            .collect();
        refs.sort();
        refs.dedup();
        let mut bytes: Vec<Vec<u8>> = refs.iter().map(|&c| store.bytes(c).to_vec()).collect();
        bytes.sort();
        bytes
    };
    let kept = contents(rootfs, store, &|path| keep.contains(path));
    let mut written: Vec<Vec<u8>> = indexes
        .iter()
        .flat_map(|index| &index.entries)
        .filter_map(|entry| match entry.kind {
            EntryKind::File(content) => Some(read.bytes(content).to_vec()),
            _ => None,
        })
        .collect();
    written.sort();
    assert_eq!(
        written, kept,
        "content that is hidden, or twice, or missing"
    );
    assert_eq!(
        rebuilt.totals.bytes,
        kept.iter().map(|c| c.len() as u64).sum::<u64>()
    );

    let config = &rebuilt.config;
    let diff_ids: Vec<_> = rebuilt.layers.iter().map(|l| l.file.diff_id).collect();
    assert_eq!(config.diff_ids(), diff_ids);
    let steps = config.history().iter().filter(|h| !h.empty_layer).count();
    assert_eq!(steps, diff_ids.len());
    if mode == LayerMode::Preserve {
        for layer in &rebuilt.layers {
            assert_eq!(layer.from.len(), 1);
        }
    }

    let again = tempfile::tempdir().unwrap();
    let second = build(
        input(&image, rootfs, store),
        keep,
        &options(mode),
        again.path(),
    )
    .unwrap();
    assert_eq!(second.image_id, rebuilt.image_id, "two rebuilds differ");
}

pub(crate) fn file(path: &str, content: ContentRef) -> LayerEntry {
    entry(path, EntryKind::File(content))
}

pub(crate) fn dir(path: &str) -> LayerEntry {
    entry(path, EntryKind::Directory)
}

pub(crate) fn link(path: &str, target: &str) -> LayerEntry {
    let target = target.into();
    entry(path, EntryKind::HardLink { target })
}

pub(crate) fn merge(layers: &[&[LayerEntry]]) -> RootFs {
    RootFs::merge(layers.iter().map(|entries| LayerIndex {
        entries: entries.to_vec(),
    }))
    .unwrap()
}
