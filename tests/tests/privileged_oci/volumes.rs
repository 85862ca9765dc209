//! Volumes that start with what the image has: once each, within the limit on unpacking, and only as long as is wanted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use minifier::rootfs::EntryKind;
use minifier::runtime::{RunOptions, RuntimeError, UnpackLimits};
use minifier_tests::layers::{MemoryStore, entry};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::privileged_oci::destinations::{Made, directory, link};
use crate::privileged_oci::support::runc;

const MIB: u64 = 1 << 20;

/// Bytes on disk below a folder, each inode once.
fn used(folder: &Path) -> u64 {
    let mut seen = std::collections::BTreeSet::new();
    let mut todo = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(path) = todo.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        if seen.insert(meta.ino()) {
            bytes += meta.blocks() * 512;
        }
        if meta.is_dir() {
            todo.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
    }
    bytes
}

/// An image with 16 MiB in nested folders, forty links to them, and all of these as volumes.
fn greedy(limits: UnpackLimits) -> Result<Made> {
    let mut store = MemoryStore::default();
    let mut entries = Vec::new();
    let mut volumes = serde_json::Map::new();
    let mut path = String::from("/srv");
    for number in 0..16_u8 {
        entries.push(directory(&path));
        volumes.insert(path.clone(), json!({}));
        // Not the same byte everywhere, or it would be a hole.
        let content = store.add(0, vec![number + 1; MIB as usize]);
        entries.push(entry(format!("{path}/data"), EntryKind::File(content)));
        path.push_str("/d");
    }
    for number in 0..40 {
        let name = format!("/v{number}");
        entries.push(link(&name, "srv"));
        volumes.insert(name, json!({}));
    }
    Made::with(
        entries,
        json!({"Volumes": Value::Object(volumes)}),
        store,
        limits,
    )
}

#[tokio::test]
async fn privileged_no_file_of_an_image_is_copied_twice_into_its_volumes() -> Result<()> {
    let image = greedy(UnpackLimits::default())?;
    let options = RunOptions::default();
    let cancel = CancellationToken::new();
    let container = runc()
        .create(&image.image, &image.config, &options, &cancel)
        .await?;
    let runs = image.image.cache().folder().join("runs");
    let bytes = used(&runs);
    assert!(bytes < 20 * MIB, "{bytes} bytes for an image of 16 MiB");
    // 56 volumes were asked for: sixteen folders, and forty names of the first.
    let volumes = fs::read_dir(runs.join(container.id()))?;
    let volumes = volumes.flatten().map(|entry| entry.file_name());
    let volumes = volumes.filter(|name| name.to_string_lossy().starts_with("volume"));
    assert_eq!(volumes.count(), 16);
    container.remove().await?;
    assert_eq!(image.run(&options).await?, ["11"]);
    Ok(())
}

#[tokio::test]
async fn privileged_copies_of_volumes_count_against_the_limit_on_unpacking() -> Result<()> {
    let limits = UnpackLimits {
        bytes: 24 * MIB,
        ..UnpackLimits::default()
    };
    let image = greedy(limits)?;
    let error = image.run(&RunOptions::default()).await.unwrap_err();
    assert!(
        matches!(error, RuntimeError::VolumeTooLarge { what: "bytes", .. }),
        "{error}"
    );
    assert!(error.to_string().contains("25165824 bytes"), "{error}");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("--max-uncompressed"))
    );
    let runs = image.image.cache().folder().join("runs");
    assert_eq!(fs::read_dir(runs)?.count(), 0, "something is left");
    Ok(())
}

#[tokio::test]
async fn privileged_a_hole_in_a_file_is_one_in_the_copy() -> Result<()> {
    let mut store = MemoryStore::default();
    let mut content = vec![0; 8 * MIB as usize];
    content.extend(b"end");
    let content = store.add(0, content);
    let entries = vec![
        directory("/srv"),
        entry("/srv/sparse", EntryKind::File(content)),
    ];
    let config = json!({"Volumes": {"/srv": {}}});
    let image = Made::with(entries, config, store, UnpackLimits::default())?;
    let options = RunOptions::default();
    let cancel = CancellationToken::new();
    let container = runc()
        .create(&image.image, &image.config, &options, &cancel)
        .await?;
    let runs = image.image.cache().folder().join("runs");
    let copy = runs.join(container.id()).join("volume0/sparse");
    let meta = fs::metadata(&copy)?;
    assert_eq!(meta.len(), 8 * MIB + 3);
    assert!(meta.blocks() * 512 < MIB, "{} blocks", meta.blocks());
    assert!(fs::read(&copy)?.ends_with(b"\0end"));
    container.remove().await?;
    Ok(())
}

#[tokio::test]
async fn privileged_filling_a_volume_ends_when_it_is_told_to_and_leaves_nothing() -> Result<()> {
    let mut store = MemoryStore::default();
    let mut entries = vec![directory("/srv")];
    for number in 0..4000_u32 {
        let content = store.add(0, number.to_le_bytes().repeat(100));
        entries.push(entry(format!("/srv/{number}"), EntryKind::File(content)));
    }
    let config = json!({"Volumes": {"/srv": {}}});
    let image = Made::with(entries, config, store, UnpackLimits::default())?;
    let runs = image.image.cache().folder().join("runs");
    let options = RunOptions::default();
    let cancel = CancellationToken::new();
    let asked = Instant::now();
    let canceller = tokio::spawn({
        let (cancel, runs) = (cancel.clone(), runs.clone());
        async move {
            // In the middle of it.
            let begun = || {
                let run = fs::read_dir(&runs).ok()?.flatten().next()?.path();
                fs::read_dir(run.join("volume0")).ok()?.nth(10)
            };
            while begun().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cancel.cancel();
            Instant::now()
        }
    });
    let made = runc()
        .create(&image.image, &image.config, &options, &cancel)
        .await;
    let ended = Instant::now();
    assert!(matches!(made, Err(RuntimeError::Interrupted)), "{made:?}");
    let cancelled = canceller.await?;
    assert!(
        ended.duration_since(cancelled) < Duration::from_secs(5),
        "{:?} after it was told to, {:?} in all",
        ended.duration_since(cancelled),
        ended.duration_since(asked)
    );
    // It is true when it returns, not some time later.
    assert_eq!(fs::read_dir(&runs)?.count(), 0, "something is left");
    Ok(())
}
