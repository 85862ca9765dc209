//! Several users of one cache, and the collection of garbage.

use std::fs;
use std::time::Duration;

use super::support::*;
use crate::rootfs::*;
use crate::runtime::oci::cache::collect::CacheLimits;
use crate::runtime::oci::cache::layers::LayerCache;

fn image(number: u64) -> Vec<LayerIndex> {
    let base = (0..50)
        .map(|n| file(&format!("/base/{n}"), n, 1000))
        .collect();
    let own = (0..50)
        .map(|n| file(&format!("/own{number}/{n}"), n, 1000))
        .collect();
    vec![layer(base), layer(own)]
}

#[test]
fn privileged_several_unpack_the_same_image_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let path = folder.path().join(round.to_string());
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let path = &path;
                scope.spawn(move || {
                    // Of its own, as another process has it.
                    let cache = LayerCache::open(path).unwrap();
                    let layers = image(thread % 2);
                    let unpacked = unpack(&cache, &layers).unwrap();
                    cache.sweep().unwrap();
                    assert_eq!(seen(&unpacked).unwrap(), meant(&layers).unwrap());
                });
            }
        });
        assert_eq!(fs::read_dir(path.join("layers")).unwrap().count(), 3);
        assert_eq!(fs::read_dir(path.join("new")).unwrap().count(), 0);
    }
}

#[test]
fn privileged_garbage_is_what_was_not_used_for_the_longest_time() {
    let folder = tempfile::tempdir().unwrap();
    let cache = LayerCache::open(folder.path()).unwrap();
    rustix::fs::chmod(folder.path(), rustix::fs::Mode::RWXU).unwrap();
    let layers: Vec<Vec<LayerIndex>> = (0..3).map(image).collect();
    for layers in &layers {
        unpack(&cache, layers).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    // Used again, so it is the youngest.
    let first = unpack(&cache, &layers[0]).unwrap();
    let limits = |bytes, age| CacheLimits { bytes, age };
    let day = Duration::from_secs(86400);
    assert_eq!(cache.prune(&limits(1 << 30, day)).unwrap().layers, 0);
    let pruned = cache.prune(&limits(150_000, day)).unwrap();
    assert_eq!((pruned.layers, pruned.bytes), (1, 50_000));
    let pruned = cache.prune(&limits(0, day)).unwrap();
    assert_eq!(pruned.layers, 1, "what is in use stays");
    assert_eq!(seen(&first).unwrap(), meant(&layers[0]).unwrap());
    drop(first);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(
        cache
            .prune(&limits(1 << 30, Duration::ZERO))
            .unwrap()
            .layers,
        2
    );
    let again = unpack(&cache, &layers[1]).unwrap();
    assert_eq!(seen(&again).unwrap(), meant(&layers[1]).unwrap());
}

#[test]
fn privileged_what_a_killed_process_left_half_unpacked_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = LayerCache::open(&folder.path().join("cache")).unwrap();
    let half = cache
        .folder()
        .join("new")
        .join("0".repeat(64))
        .join("diff/a/b");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("f"), "x").unwrap();
    assert_eq!(cache.sweep().unwrap(), 0);
    assert_eq!(fs::read_dir(cache.folder().join("new")).unwrap().count(), 0);
}
