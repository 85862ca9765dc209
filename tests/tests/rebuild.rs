//! The rebuild stage on small trees made by hand and at random: what is read back from its layers is exactly the
//! kept part of the original, and the same input gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;

use minifier::image::{Digest, Image};
use minifier::plan::KeepSet;
use minifier::rebuild::{
    LABEL_SOURCE, LABEL_VERSION, LayerMode, RebuildError, RebuildOptions, Rebuilt, rebuild,
};
use minifier::rootfs::{
    ContentRef, ContentStore, EntryKind, ImagePath, LayerEntry, LayerIndex, Mtime, NodeKind, RootFs,
};
use minifier_tests::layers::{MemoryStore, entry, image, keep, meta};
use minifier_tests::listing::{self, ALL};
use minifier_tests::ustar;
use proptest::prelude::*;

const MODES: [LayerMode; 2] = [LayerMode::Preserve, LayerMode::Flatten];

fn options(layers: LayerMode) -> RebuildOptions {
    RebuildOptions {
        layers,
        ..RebuildOptions::default()
    }
}

fn build(
    image: &Image,
    rootfs: &RootFs,
    keep: &KeepSet,
    store: &dyn ContentStore,
    options: &RebuildOptions,
    scratch: &Path,
) -> Result<Rebuilt, RebuildError> {
    let mut watch = |_| ControlFlow::Continue(());
    rebuild(image, rootfs, keep, store, options, scratch, &mut watch)
}

fn read_back(rebuilt: &Rebuilt) -> (Vec<LayerIndex>, MemoryStore) {
    let mut store = MemoryStore::default();
    let layers = rebuilt.layers.iter().enumerate().map(|(n, layer)| {
        let file = File::open(&layer.file.path).unwrap();
        ustar::read_layer(file, n as u32, &mut store).unwrap_or_else(|e| panic!("layer {n}: {e:#}"))
    });
    (layers.collect(), store)
}

/// The properties that hold for every rebuild.
fn check(rootfs: &RootFs, store: &MemoryStore, keep: &KeepSet, layers: usize, mode: LayerMode) {
    let scratch = tempfile::tempdir().unwrap();
    let image = image(layers);
    let rebuilt = build(&image, rootfs, keep, store, &options(mode), scratch.path()).unwrap();
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
    let second = build(&image, rootfs, keep, store, &options(mode), again.path()).unwrap();
    assert_eq!(second.image_id, rebuilt.image_id, "two rebuilds differ");
}

fn random_layers() -> impl Strategy<Value = (Vec<LayerIndex>, MemoryStore)> {
    let name = prop::sample::select(vec![&b"a"[..], b"b", b"c\xff", b"a.b"]);
    let path = prop::collection::vec(name, 1..=3).prop_map(|names| names.join(&b'/'));
    let kind = (0..12_u8, path.clone(), 0..1100_usize);
    let metadata = (
        prop::sample::select(vec![0o644, 0o755, 0o4711, 0o2750, 0o1777, 0]),
        prop::sample::select(vec![0, 1000, 65_534, 2_097_152, u32::MAX]),
        prop::sample::select(vec![-5, 0, 1_600_000_000, 9_000_000_000]),
        prop::sample::select(vec![0, 1, 120_000_000]),
        prop::option::of(prop::collection::vec(any::<u8>(), 1..40)),
    );
    let layer = prop::collection::vec((path, kind, metadata), 0..12);
    prop::collection::vec(layer, 1..5).prop_map(|layers| {
        let mut store = MemoryStore::default();
        let mut indexes: Vec<LayerIndex> = Vec::new();
        let mut serial = 0_u32;
        for (number, entries) in layers.into_iter().enumerate() {
            indexes.push(LayerIndex::default());
            for (path, (kind, target, length), (mode, uid, secs, nanos, xattr)) in entries {
                serial += 1;
                let kind = match kind {
                    0 | 1 => EntryKind::Directory,
                    2..=4 => {
                        let mut bytes = serial.to_le_bytes().to_vec();
                        bytes.resize(4 + length, b'x');
                        EntryKind::File(store.add(number as u32, bytes))
                    }
                    5 | 6 => EntryKind::HardLink {
                        target: ImagePath::new(target),
                    },
                    7 => EntryKind::Symlink { target },
                    8 => EntryKind::CharDevice { major: 1, minor: 3 },
                    9 => EntryKind::Fifo,
                    10 => EntryKind::Whiteout,
                    _ => EntryKind::OpaqueWhiteout,
                };
                let mut new = entry(path, kind);
                new.meta = meta(mode, uid, uid, secs);
                new.meta.mtime.nanos = nanos;
                new.meta.xattrs = xattr
                    .map(|value| (b"user.x".to_vec(), value))
                    .into_iter()
                    .collect();
                // Entries that make no valid layer here are left out.
                let last = indexes.last_mut().unwrap();
                last.entries.push(new);
                if RootFs::merge(indexes.clone()).is_err() {
                    indexes.last_mut().unwrap().entries.pop();
                }
            }
        }
        (indexes, store)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_tree_and_keep_set_reads_back_as_its_kept_part(
        (layers, store) in random_layers(),
        choices in prop::collection::vec(any::<bool>(), 64),
    ) {
        let rootfs = RootFs::merge(layers.clone()).unwrap();
        let mut next = choices.iter().cycle();
        let some = keep(&rootfs, |_| *next.next().unwrap());
        let all = keep(&rootfs, |_| true);
        for kept in [&some, &all, &KeepSet::default()] {
            for mode in MODES {
                if kept.is_empty() {
                    continue;
                }
                check(&rootfs, &store, kept, layers.len(), mode);
            }
        }
    }
}

fn file(path: &str, content: ContentRef) -> LayerEntry {
    entry(path, EntryKind::File(content))
}

fn dir(path: &str) -> LayerEntry {
    entry(path, EntryKind::Directory)
}

fn link(path: &str, target: &str) -> LayerEntry {
    let target = target.into();
    entry(path, EntryKind::HardLink { target })
}

fn merge(layers: &[&[LayerEntry]]) -> RootFs {
    RootFs::merge(layers.iter().map(|entries| LayerIndex {
        entries: entries.to_vec(),
    }))
    .unwrap()
}

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
    let rebuilt = build(&image(2), &rootfs, &all, &store, &options, scratch.path()).unwrap();
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
            &image(2),
            &rootfs,
            &all,
            &store,
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
    let rebuilt = build(&image(3), &rootfs, &all, &store, &options, scratch.path()).unwrap();
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
    let rebuilt = build(&image(3), &rootfs, &kept, &store, &options, scratch.path()).unwrap();
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
    let rebuilt = build(&image(1), &rootfs, &all, &store, &options, scratch.path()).unwrap();
    assert_eq!(read_back(&rebuilt).0[0].entries[0], root);
}

#[test]
fn the_config_differs_in_layers_history_and_labels_only() {
    let mut store = MemoryStore::default();
    let content = store.add(1, "f");
    let rootfs = merge(&[&[dir("/gone")], &[file("/f", content)]]);
    let kept = keep(&rootfs, |path| path.as_bytes() == b"/f");
    let scratch = tempfile::tempdir().unwrap();
    let original = image(2);
    let options = RebuildOptions {
        labels: BTreeMap::from([("extra".into(), "1".into())]),
        ..RebuildOptions::default()
    };
    let rebuilt = build(&original, &rootfs, &kept, &store, &options, scratch.path()).unwrap();
    let json = |bytes: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
    let mut expected = json(original.config.to_bytes());
    let diff_id = rebuilt.layers[0].file.diff_id.to_string();
    expected["rootfs"]["diff_ids"] = serde_json::json!([diff_id]);
    expected["history"][0]["empty_layer"] = true.into();
    expected["config"]["Labels"] = serde_json::json!({
        "a": "b",
        "extra": "1",
        LABEL_VERSION: env!("CARGO_PKG_VERSION"),
        LABEL_SOURCE: original.config.digest().to_string(),
    });
    assert_eq!(json(rebuilt.config.to_bytes()), expected);
}

#[test]
fn source_date_epoch_sets_the_creation_and_bounds_file_times() {
    let mut store = MemoryStore::default();
    let content = store.add(0, "f");
    let at = |path: &str, secs, nanos| {
        let mut entry = file(path, content);
        entry.meta.mtime = Mtime { secs, nanos };
        entry
    };
    let rootfs = merge(&[&[
        at("/new", 2000, 1),
        at("/edge", 1000, 1),
        at("/old", 999, 7),
    ]]);
    let all = keep(&rootfs, |_| true);
    let scratch = tempfile::tempdir().unwrap();
    let options = RebuildOptions {
        layers: LayerMode::Flatten,
        source_date_epoch: Some(1000),
        ..RebuildOptions::default()
    };
    let rebuilt = build(&image(1), &rootfs, &all, &store, &options, scratch.path()).unwrap();
    let (layers, _) = read_back(&rebuilt);
    let times: Vec<_> = layers[0]
        .entries
        .iter()
        .map(|e| (e.meta.mtime.secs, e.meta.mtime.nanos))
        .collect();
    assert_eq!(times, [(1000, 0), (1000, 0), (999, 7)]);
    assert_eq!(rebuilt.config.created(), Some("1970-01-01T00:16:40Z"));
    let history = rebuilt.config.history();
    assert_eq!(history[0].created.as_deref(), Some("2020-02-02T02:02:02Z"));
    assert_eq!(history[1].created.as_deref(), Some("1970-01-01T00:16:40Z"));
    let options = RebuildOptions {
        source_date_epoch: Some(i64::MAX),
        ..RebuildOptions::default()
    };
    let error = build(&image(1), &rootfs, &all, &store, &options, scratch.path()).unwrap_err();
    assert!(
        matches!(error, RebuildError::SourceDateEpoch(i64::MAX)),
        "{error}"
    );
}

/// Gives other bytes than the layer promised.
struct WrongLength(&'static [u8]);

impl ContentStore for WrongLength {
    fn open(&self, _: ContentRef) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
        Ok(Box::new(self.0))
    }
}

#[test]
fn content_of_another_length_is_an_error_that_names_the_path_and_leaves_nothing() {
    let content = ContentRef {
        layer: 0,
        at: 0,
        size: 4,
    };
    let rootfs = merge(&[&[file("/d/f", content)]]);
    let all = keep(&rootfs, |_| true);
    let scratch = tempfile::tempdir().unwrap();
    let message = |bytes| {
        let store = WrongLength(bytes);
        let options = RebuildOptions::default();
        build(&image(1), &rootfs, &all, &store, &options, scratch.path())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(b"123"),
        "read the content of /d/f: it has 3 bytes, expected 4"
    );
    assert_eq!(
        message(b"12345"),
        "read the content of /d/f: it has more than 4 bytes, expected 4"
    );
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn what_is_not_of_this_image_or_cannot_be_in_a_layer_is_an_error() {
    let mut store = MemoryStore::default();
    let content = store.add(0, "f");
    let scratch = tempfile::tempdir().unwrap();
    let message = |rootfs: &RootFs, keep: &KeepSet, layers| {
        let options = RebuildOptions::default();
        build(
            &image(layers),
            rootfs,
            keep,
            &store,
            &options,
            scratch.path(),
        )
        .unwrap_err()
        .to_string()
    };
    let rootfs = merge(&[&[], &[file("/f", content)]]);
    let all = keep(&rootfs, |_| true);
    assert_eq!(
        message(&rootfs, &all, 1),
        "rebuild /f: it is of layer 1, the image config has 1 layers"
    );
    assert_eq!(
        message(&RootFs::default(), &all, 2),
        "rebuild /f: the image has no such path"
    );
    for hidden in ["/d/.wh.f", "/.wh.d/f"] {
        let rootfs = merge(&[&[file(hidden, content)]]);
        let all = keep(&rootfs, |_| true);
        let error = message(&rootfs, &all, 1);
        assert!(error.ends_with("are whiteouts in a layer"), "{error}");
    }
}

#[test]
fn a_watcher_sees_the_progress_and_can_end_it() {
    let mut store = MemoryStore::default();
    let (small, big) = (store.add(0, "1234"), store.add(0, vec![7; 1 << 20]));
    let rootfs = merge(&[&[file("/a", small), link("/b", "/a"), file("/big", big)]]);
    let all = keep(&rootfs, |_| true);
    let scratch = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let mut run = |stop_at: u64| {
        seen.clear();
        let mut watch = |progress: minifier::rebuild::Progress| {
            seen.push(progress);
            match progress.bytes >= stop_at {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let options = RebuildOptions::default();
        rebuild(
            &image(1),
            &rootfs,
            &all,
            &store,
            &options,
            scratch.path(),
            &mut watch,
        )
    };
    let error = run(5).unwrap_err();
    assert!(matches!(error, RebuildError::Cancelled), "{error}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    run(u64::MAX).unwrap();
    let last = seen.last().unwrap();
    assert_eq!((last.files, last.bytes), (3, (1 << 20) + 4));
    assert!(seen.len() > 8, "one call per chunk");
}

/// Changes of the digests change the bytes of every image that people rebuild: they need a reason, and a new
/// version. The version itself is left out here, or each one would need new digests.
#[test]
fn digests_of_a_fixed_tree_are_pinned() {
    let mut store = MemoryStore::default();
    let (low, high) = (store.add(0, "low"), store.add(1, vec![b'h'; 1000]));
    let mut tool = file("/usr/bin/tool", low);
    tool.meta = meta(0o4755, 0, 3_000_000, 1_600_000_000);
    tool.meta.mtime.nanos = 123;
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    tool.meta.xattrs = BTreeMap::from([(b"security.capability".to_vec(), capability)]);
    let long = format!("/etc/{}", "n".repeat(200));
    let rootfs = merge(&[
        &[
            dir("/"),
            dir("/usr"),
            dir("/usr/bin"),
            tool,
            link("/usr/tool", "/usr/bin/tool"),
        ],
        &[
            dir("/etc"),
            file(&long, high),
            entry(
                "/etc/link",
                EntryKind::Symlink {
                    target: b"n\xff".to_vec(),
                },
            ),
            entry("/dev/null", EntryKind::CharDevice { major: 1, minor: 3 }),
        ],
    ]);
    assert!(matches!(
        rootfs.get(&"/dev".into()).unwrap().kind,
        NodeKind::Directory { implied: true, .. }
    ));
    let all = keep(&rootfs, |_| true);
    let digests: BTreeSet<String> = MODES
        .iter()
        .flat_map(|&mode| {
            let scratch = tempfile::tempdir().unwrap();
            let rebuilt = build(
                &image(2),
                &rootfs,
                &all,
                &store,
                &options(mode),
                scratch.path(),
            )
            .unwrap();
            let config = String::from_utf8(rebuilt.config.to_bytes()).unwrap();
            let version = format!("\"{LABEL_VERSION}\":\"{}\"", env!("CARGO_PKG_VERSION"));
            assert!(config.contains(&version), "{config}");
            let config = Digest::of(config.replace(&version, "").as_bytes());
            let layers = rebuilt.layers.iter().map(|l| l.file.diff_id.to_string());
            layers.chain([config.to_string()]).collect::<Vec<_>>()
        })
        .collect();
    let pinned = [
        "sha256:0a0296fb8dded2eda1009ec4e57c92b344315163dc8521d545e23c22bd1694b2",
        "sha256:1f4792bfbbacdf53c3bfef30d48af8de78312f7417f2cb7114a1f28d54b945d5",
        "sha256:5984df66b93af32c9c668b268b74adb2d48947165a293e8940909a772b4f9514",
        "sha256:6373be02846fc4c278de7705ed762b8b7ea86ed988d92d1856971129e068f945",
        "sha256:78c53dd839b9c03059a48b0d3532b54830ea4d1923c0a801959b3a3a68a50a2f",
    ];
    assert_eq!(Vec::from_iter(&digests), pinned);
}
