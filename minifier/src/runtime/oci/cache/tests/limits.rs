//! What is too deep, too long, too large or too many.

use std::fs;

use tokio_util::sync::CancellationToken;

use super::support::*;
use crate::rootfs::*;
use crate::runtime::error::RuntimeError;
use crate::runtime::oci::cache::layers::LayerCache;
use crate::runtime::options::UnpackLimits;

fn cache(limits: UnpackLimits) -> (tempfile::TempDir, LayerCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = LayerCache::open(&folder.path().join("cache")).unwrap();
    (folder, cache.with_limits(limits))
}

/// What is left of failed attempts.
fn leftovers(cache: &LayerCache) -> usize {
    ["layers", "new"]
        .iter()
        .map(|name| fs::read_dir(cache.folder().join(name)).unwrap().count())
        .sum()
}

#[test]
fn privileged_thousands_of_nested_directories_are_no_trouble() {
    let (folder, cache) = cache(UnpackLimits::default());
    let mut entries = Vec::new();
    let mut path = String::new();
    for _ in 0..1500 {
        path.push_str("/abc");
        entries.push(entry(&path, EntryKind::Directory));
    }
    entries.push(file(&format!("{path}/deep"), 7, 10));
    entries.push(file("/abc/abc/top", 7, 10));
    let layers = [
        layer(entries),
        layer(vec![entry(&path, EntryKind::OpaqueWhiteout)]),
    ];
    let image = unpack(&cache, &layers).unwrap();
    assert_eq!(seen(&image).unwrap(), meant(&layers).unwrap());
    drop(image);
    let limits = crate::runtime::oci::cache::collect::CacheLimits {
        bytes: u64::MAX,
        age: std::time::Duration::ZERO,
    };
    assert_eq!(cache.prune(&limits).unwrap().layers, 2);
    assert_eq!(leftovers(&cache), 0);
    drop(folder);
}

#[test]
fn privileged_many_layers_and_none_can_be_mounted() {
    let (_folder, cache) = cache(UnpackLimits::default());
    let layers: Vec<LayerIndex> = (0..300)
        .map(|number| {
            layer(vec![
                file(&format!("/f{number}"), number, 3),
                file("/same", number, 2),
            ])
        })
        .collect();
    for count in [0, 1, 127, 300] {
        let image = unpack(&cache, &layers[..count]).unwrap();
        assert_eq!(
            seen(&image).unwrap(),
            meant(&layers[..count]).unwrap(),
            "{count} layers"
        );
    }
}

#[test]
fn privileged_what_cannot_be_written_is_named_and_leaves_nothing() {
    let long = format!("/{}", "n".repeat(300));
    let odd = |path: &str, edit: fn(&mut Metadata)| {
        let mut entry = file(path, 0, 1);
        edit(&mut entry.meta);
        entry
    };
    let limits = UnpackLimits {
        bytes: 1 << 20,
        entries: 100,
    };
    let many = (0..200).map(|n| file(&format!("/{n}"), 0, 0)).collect();
    let link = |target: &[u8]| {
        entry(
            "/l",
            EntryKind::Symlink {
                target: target.to_vec(),
            },
        )
    };
    for (entries, message) in [
        (vec![file(&long, 0, 1)], "File name too long"),
        (
            vec![file("/big", 0, 2 << 20)],
            "the image contains more than 1048576 bytes",
        ),
        (
            vec![file("/a", 0, u64::MAX), file("/b", 0, u64::MAX)],
            "more than 1048576 bytes",
        ),
        (many, "the image contains more than 100 entries"),
        (
            vec![odd("/o", |meta| meta.uid = u32::MAX)],
            "/o: owner 4294967295:0 cannot exist",
        ),
        (vec![link(b"")], "/l: No such file or directory"),
        (vec![link(&[b'x'; 5000])], "/l: File name too long"),
        (
            vec![entry(
                "/h",
                EntryKind::HardLink {
                    target: "/none".into(),
                },
            )],
            "hard link /h points to /none, which does not exist",
        ),
        (
            vec![entry("/h", EntryKind::HardLink { target: "/".into() })],
            "hard link /h points to the directory /",
        ),
        (
            vec![link(b"/etc"), file("/l/passwd", 0, 1)],
            "/l/passwd: its parent /l is not a directory",
        ),
    ] {
        let (_folder, cache) = cache(limits);
        let error = unpack(&cache, &[layer(entries)]).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(leftovers(&cache), 0, "{message}");
    }
}

#[test]
fn privileged_contents_of_the_wrong_length_and_cancelling_leave_nothing() {
    struct Wrong(u64);
    impl ContentStore for Wrong {
        fn open(&self, _: ContentRef) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
            use std::io::Read as _;
            Ok(Box::new(std::io::repeat(1).take(self.0)))
        }
    }
    let layers = [layer(vec![file("/f", 0, 1000)])];
    for (size, message) in [
        (999, "/f: unexpected end of file"),
        (1001, "/f: it contains more than"),
    ] {
        let (_folder, cache) = cache(UnpackLimits::default());
        let cancel = CancellationToken::new();
        let result = cache.unpack(&config(&layers), &layers, &Wrong(size), &cancel);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(leftovers(&cache), 0);
    }
    let (_folder, cache) = cache(UnpackLimits::default());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = cache.unpack(&config(&layers), &layers, &PatternContent, &cancel);
    assert!(matches!(result, Err(RuntimeError::Interrupted)));
    assert_eq!(leftovers(&cache), 0);
}

#[test]
fn privileged_a_full_disk_is_named_and_leaves_nothing() {
    use crate::runtime::oci::overlay::in_own_namespace;
    let folder = tempfile::tempdir().unwrap();
    let error = in_own_namespace(|| {
        let small = Some(c"size=1m");
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("tmpfs", folder.path(), "tmpfs", flags, small).unwrap();
        let cache = LayerCache::open(&folder.path().join("cache")).unwrap();
        let error = unpack(&cache, &[layer(vec![file("/f", 5, 4 << 20)])]).unwrap_err();
        assert_eq!(leftovers(&cache), 0);
        Ok(error)
    })
    .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("unpack layer 0: /f: No space left"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("free space on the disk"));
}
