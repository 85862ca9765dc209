//! Random hostile layers: nothing outside changes, and what is seen is what the layers mean.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::support::*;
use crate::rootfs::*;
use crate::runtime::oci::cache::layers::LayerCache;

/// The folder outside that links point to; short, so that it is hit often.
const OUTSIDE: &str = "/tmp/minifier-outside";

fn path() -> impl Strategy<Value = ImagePath> {
    let name = prop_oneof![
        Just(&b"a"[..]),
        Just(&b"b"[..]),
        Just(&b"c"[..]),
        Just(&b"\xff\n"[..]),
        Just(&b".."[..]),
    ];
    prop::collection::vec(name, 0..4).prop_map(|names| ImagePath::new(names.join(&b'/')))
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"/".to_vec()),
        Just(b"..".to_vec()),
        Just(b"../../../../../../../../../../tmp/minifier-outside".to_vec()),
        Just(OUTSIDE.as_bytes().to_vec()),
        Just(b"/etc".to_vec()),
        Just(b"a".to_vec()),
        Just(b"b/c".to_vec()),
        Just(b"/proc/self/root".to_vec()),
    ]
}

fn kind() -> impl Strategy<Value = EntryKind> {
    prop_oneof![
        4 => Just(EntryKind::Directory),
        4 => (0..200_u64, prop_oneof![Just(0), 1..100_u64, Just(600_000)])
            .prop_map(|(at, size)| EntryKind::File(ContentRef { layer: 1, at, size })),
        3 => path().prop_map(|target| EntryKind::HardLink { target }),
        4 => target().prop_map(|target| EntryKind::Symlink { target }),
        1 => Just(EntryKind::CharDevice { major: 1, minor: 3 }),
        1 => Just(EntryKind::BlockDevice { major: 7, minor: 200 }),
        1 => Just(EntryKind::Fifo),
        3 => Just(EntryKind::Whiteout),
        2 => Just(EntryKind::OpaqueWhiteout),
    ]
}

fn meta() -> impl Strategy<Value = Metadata> {
    let xattr = prop_oneof![
        Just((b"user.x".to_vec(), b"1".to_vec())),
        Just((b"trusted.x".to_vec(), Vec::new())),
        Just((b"trusted.overlay.opaque".to_vec(), b"y".to_vec())),
        Just((b"trusted.overlay.redirect".to_vec(), b"/b".to_vec())),
        Just((
            b"security.capability".to_vec(),
            b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                .to_vec()
        )),
    ];
    let xattrs = prop::collection::btree_map(Just(()), xattr, 0..2);
    (
        0..0o10000_u32,
        0..3_u32,
        0..70_000_u32,
        0..4_000_000_000_i64,
        0..1_000_000_000_u32,
        xattrs,
    )
        .prop_map(|(mode, uid, gid, secs, nanos, xattrs)| Metadata {
            mode,
            uid,
            gid,
            mtime: Mtime { secs, nanos },
            xattrs: xattrs.into_values().collect::<BTreeMap<_, _>>(),
        })
}

fn layers() -> impl Strategy<Value = Vec<LayerIndex>> {
    let entry =
        (path(), meta(), kind()).prop_map(|(path, meta, kind)| LayerEntry { path, meta, kind });
    let layer = prop::collection::vec(entry, 0..10).prop_map(|entries| LayerIndex { entries });
    let layers = prop::collection::vec(layer, 0..5);
    (layers, prop::bool::weighted(0.2))
        .prop_map(|(layers, wrong)| if wrong { layers } else { sound(layers) })
}

/// Without the entries that cannot be: most random layers have some, and are refused before anything is written.
fn sound(layers: Vec<LayerIndex>) -> Vec<LayerIndex> {
    let mut kept: Vec<LayerIndex> = Vec::new();
    for layer in layers {
        kept.push(LayerIndex::default());
        for entry in layer.entries {
            let mut with = kept.clone();
            if let Some(last) = with.last_mut() {
                last.entries.push(entry);
            }
            if RootFs::merge(with.clone()).is_ok() {
                kept = with;
            }
        }
    }
    kept
}

#[test]
fn privileged_hostile_layers_stay_inside_and_mean_what_they_say() {
    let _ = fs::remove_dir_all(OUTSIDE);
    fs::create_dir(OUTSIDE).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(format!("{OUTSIDE}/{name}"), name).unwrap();
    }
    let before = tree_at(OUTSIDE.as_ref());
    let folder = tempfile::tempdir().unwrap();
    let cache = LayerCache::open(&folder.path().join("cache")).unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&layers(), |layers| {
        match (unpack(&cache, &layers), meant(&layers)) {
            (Ok(image), Ok(meant)) => prop_assert_eq!(seen(&image).unwrap(), meant),
            (Err(_), Err(_)) => {}
            (unpacked, meant) => prop_assert!(false, "{:?} but {:?}", unpacked, meant),
        }
        prop_assert_eq!(&tree_at(OUTSIDE.as_ref()), &before);
        let left: Vec<_> = fs::read_dir(folder.path().join("cache/new"))
            .unwrap()
            .collect();
        prop_assert!(left.is_empty(), "{:?}", left);
        Ok(())
    });
    let unpacked = fs::read_dir(folder.path().join("cache/layers"))
        .unwrap()
        .count();
    let after = tree_at(OUTSIDE.as_ref());
    fs::remove_dir_all(OUTSIDE).unwrap();
    if let Err(error) = result {
        panic!("{error}");
    }
    assert_eq!(after, before);
    assert!(unpacked > 100, "only {unpacked} layers were unpacked");
}
