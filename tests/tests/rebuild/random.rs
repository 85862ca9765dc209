//! Random small trees with random keep sets.

use minifier::plan::KeepSet;
use minifier::rootfs::{EntryKind, ImagePath, LayerIndex, RootFs};
use minifier_tests::layers::{MemoryStore, entry, keep, meta};
use proptest::prelude::*;

use crate::rebuild::support::{MODES, check};

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
