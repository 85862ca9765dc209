//! Config, times, and the digests of it all.

use std::collections::{BTreeMap, BTreeSet};

use minifier::image::Digest;
use minifier::rebuild::{LABEL_SOURCE, LABEL_VERSION, LayerMode, RebuildError, RebuildOptions};
use minifier::rootfs::{EntryKind, Mtime, NodeKind};
use minifier_tests::layers::{MemoryStore, entry, image, keep, meta};

use crate::rebuild::support::{MODES, build, dir, file, input, link, merge, options, read_back};

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
    let rebuilt = build(
        input(&original, &rootfs, &store),
        &kept,
        &options,
        scratch.path(),
    )
    .unwrap();
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
    let rebuilt = build(
        input(&image(1), &rootfs, &store),
        &all,
        &options,
        scratch.path(),
    )
    .unwrap();
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
    let error = build(
        input(&image(1), &rootfs, &store),
        &all,
        &options,
        scratch.path(),
    )
    .unwrap_err();
    assert!(
        matches!(error, RebuildError::SourceDateEpoch(i64::MAX)),
        "{error}"
    );
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
    // A link that says the same of the file as the file does.
    let mut other_name = link("/usr/tool", "/usr/bin/tool");
    other_name.meta = tool.meta.clone();
    let rootfs = merge(&[
        &[dir("/"), dir("/usr"), dir("/usr/bin"), tool, other_name],
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
                input(&image(2), &rootfs, &store),
                &all,
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
        "sha256:5984df66b93af32c9c668b268b74adb2d48947165a293e8940909a772b4f9514",
        "sha256:6373be02846fc4c278de7705ed762b8b7ea86ed988d92d1856971129e068f945",
        "sha256:78c53dd839b9c03059a48b0d3532b54830ea4d1923c0a801959b3a3a68a50a2f",
        "sha256:dc238e56206a1d89fd4ada0a4e31255a9a5ded21d2138e42f544d512f032370d",
    ];
    assert_eq!(Vec::from_iter(&digests), pinned);
}
