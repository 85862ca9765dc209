//! Which entries go into which layer.

use std::fs;

use minifier::rebuild::LayerMode;
use minifier::rootfs::{ContentRef, EntryKind};
use minifier_tests::layers::{MemoryStore, entry, image, keep, meta};

use crate::rebuild::support::{
    MODES, build, check, dir, file, input, link, merge, options, read_back,
};

#[test]
fn hard_links_across_layers_end_up_in_the_layer_of_the_content() {
    let mut store = MemoryStore::default();
    let content = store.add(0, "shared");
    let rootfs = merge(&[
        &[dir("/d"), file("/d/first", content)],
        &[link("/a", "/d/first"), link("/z", "/d/first")],
    ]);
    let all = keep(&rootfs, |_| true);
    check(&rootfs, &store, &all, 2, LayerMode::Preserve);
    let scratch = tempfile::tempdir().unwrap();
    let options = options(LayerMode::Preserve);
    let rebuilt = build(
        input(&image(2), &rootfs, &store),
        &all,
        &options,
        scratch.path(),
    )
    .unwrap();
    let (layers, _) = read_back(&rebuilt);
    assert_eq!(rebuilt.layers[0].from, [0]);
    let kinds: Vec<_> = layers[0]
        .entries
        .iter()
        .map(|e| {
            (
                e.path.to_string(),
                matches!(e.kind, EntryKind::HardLink { .. }),
            )
        })
        .collect();
    let expected = [
        ("/a", false),
        ("/d", false),
        ("/d/first", true),
        ("/z", true),
    ];
    assert_eq!(kinds, expected.map(|(path, link)| (path.to_owned(), link)));
    // The only name that stays may be one that came with the upper layer.
    let upper = keep(&rootfs, |path| path.as_bytes() == b"/z");
    check(&rootfs, &store, &upper, 2, LayerMode::Preserve);
}

#[test]
fn overwritten_and_removed_bytes_are_gone_and_so_are_the_whiteouts() {
    let mut store = MemoryStore::default();
    let contents: Vec<ContentRef> = ["SECRET-1", "SECRET-2", "SECRET-3", "SECRET-4"]
        .map(|text| store.add(0, text))
        .to_vec();
    let fresh: Vec<ContentRef> = ["new 1", "new 2", "new 3", "new 4"]
        .map(|text| store.add(1, text))
        .to_vec();
    let rootfs = merge(&[
        &[
            file("/changed", contents[0]),
            file("/removed", contents[1]),
            file("/opaque/old", contents[2]),
            file("/was-dir/old", contents[3]),
            entry(
                "/was-link",
                EntryKind::Symlink {
                    target: b"opaque".to_vec(),
                },
            ),
        ],
        &[
            file("/changed", fresh[0]),
            entry("/removed", EntryKind::Whiteout),
            file("/opaque/new", fresh[1]),
            entry("/opaque", EntryKind::OpaqueWhiteout),
            file("/was-dir", fresh[2]),
            file("/was-link/new", fresh[3]),
        ],
    ]);
    let all = keep(&rootfs, |_| true);
    for mode in MODES {
        check(&rootfs, &store, &all, 2, mode);
        let scratch = tempfile::tempdir().unwrap();
        let rebuilt = build(
            input(&image(2), &rootfs, &store),
            &all,
            &options(mode),
            scratch.path(),
        )
        .unwrap();
        assert_eq!(rebuilt.layers.len(), 1, "nothing of layer 0 stays");
        let tar = fs::read(&rebuilt.layers[0].file.path).unwrap();
        for gone in [&b"SECRET"[..], b".wh."] {
            assert!(!tar.windows(gone.len()).any(|window| window == gone));
        }
    }
}

#[test]
fn parents_carry_the_final_metadata_in_every_layer() {
    let mut store = MemoryStore::default();
    let (low, high) = (store.add(0, "low"), store.add(1, "high"));
    let mut changed = dir("/d");
    changed.meta = meta(0o700, 7, 8, 9);
    let rootfs = merge(&[
        &[dir("/d"), file("/d/low", low)],
        &[file("/d/high", high)],
        std::slice::from_ref(&changed),
    ]);
    let scratch = tempfile::tempdir().unwrap();
    let all = keep(&rootfs, |_| true);
    let options = options(LayerMode::Preserve);
    let rebuilt = build(
        input(&image(3), &rootfs, &store),
        &all,
        &options,
        scratch.path(),
    )
    .unwrap();
    let (layers, _) = read_back(&rebuilt);
    assert_eq!(
        layers.len(),
        2,
        "a layer for the metadata alone is not needed"
    );
    for layer in layers {
        assert_eq!(layer.entries[0], changed);
    }
    let history: Vec<bool> = rebuilt
        .config
        .history()
        .iter()
        .map(|h| h.empty_layer)
        .collect();
    assert_eq!(history, [false, false, true]);
}

#[test]
fn a_kept_directory_without_kept_children_is_in_its_own_layer() {
    let mut store = MemoryStore::default();
    let content = store.add(1, "dropped");
    let rootfs = merge(&[
        &[dir("/empty")],
        &[file("/empty/f", content)],
        &[dir("/own")],
    ]);
    let kept = keep(&rootfs, |path| rootfs.get(path).unwrap().is_dir());
    check(&rootfs, &store, &kept, 3, LayerMode::Preserve);
    let scratch = tempfile::tempdir().unwrap();
    let options = options(LayerMode::Preserve);
    let rebuilt = build(
        input(&image(3), &rootfs, &store),
        &kept,
        &options,
        scratch.path(),
    )
    .unwrap();
    let from: Vec<_> = rebuilt.layers.iter().map(|l| l.from.clone()).collect();
    assert_eq!(from, [[0], [2]]);
}

#[test]
fn the_root_is_written_where_a_layer_says_something_about_it() {
    let mut store = MemoryStore::default();
    let content = store.add(0, "f");
    let mut root = dir("/");
    root.meta = meta(0o711, 1, 2, 3);
    let rootfs = merge(&[&[root.clone(), file("/f", content)]]);
    let all = keep(&rootfs, |_| true);
    check(&rootfs, &store, &all, 1, LayerMode::Preserve);
    let scratch = tempfile::tempdir().unwrap();
    let options = options(LayerMode::Preserve);
    let rebuilt = build(
        input(&image(1), &rootfs, &store),
        &all,
        &options,
        scratch.path(),
    )
    .unwrap();
    assert_eq!(read_back(&rebuilt).0[0].entries[0], root);
}
