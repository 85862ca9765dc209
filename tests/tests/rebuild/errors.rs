//! What goes wrong, and being watched.

use std::fs;
use std::ops::ControlFlow;

use minifier::plan::KeepSet;
use minifier::rebuild::{RebuildError, RebuildOptions, RebuildProgress, rebuild};
use minifier::rootfs::{ContentRef, ContentStore, RootFs};
use minifier_tests::layers::{MemoryStore, image, keep};

use crate::rebuild::support::{build, file, input, link, merge};

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
        build(
            input(&image(1), &rootfs, &store),
            &all,
            &options,
            scratch.path(),
        )
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
            input(&image(layers), rootfs, &store),
            keep,
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
        let mut watch = |progress: RebuildProgress| {
            seen.push(progress);
            if progress.bytes >= stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let options = RebuildOptions::default();
        rebuild(
            input(&image(1), &rootfs, &store),
            &all,
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
