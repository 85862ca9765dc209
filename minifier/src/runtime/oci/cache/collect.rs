//! Removing layers: half-unpacked ones of killed processes, and those that have not been used for a long time.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Dir as Entries, Mode, OFlags, RenameFlags, fstat, openat, renameat_with};

use super::folder::Folders;
use super::lock::{Hold, try_lock};
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::tree::remove_tree;

/// Limits on what stays in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Total bytes of all layers.
    pub bytes: u64,
    /// Time since a layer was last used.
    pub age: Duration,
}

impl Default for CacheLimits {
    /// 10 GiB and 30 days.
    fn default() -> Self {
        Self {
            bytes: 10 << 30,
            age: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// Result of a pruning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Number of layers that were removed.
    pub layers: usize,
    /// Total bytes of their files.
    pub bytes: u64,
}

/// Removes half-unpacked layers that no process is working on.
pub(crate) fn sweep(cache: &Folders) -> Result<usize, RuntimeError> {
    let folder = &cache.new;
    let doing = || format!("sweep cache folder {}", cache.path.display());
    let mut swept = 0;
    for name in names(folder).map_err(host(doing()))? {
        // Held until the folder is gone, so that no other process starts to unpack into it.
        if let Some(_lock) = try_lock(folder, &name, Hold::Alone).map_err(host(doing()))? {
            remove_tree(folder, &name).map_err(host(doing()))?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Removes the layers above the limits, those not used for the longest time first.
pub(crate) fn prune(cache: &Folders, limits: &CacheLimits) -> Result<Pruned, RuntimeError> {
    let folder = &cache.layers;
    let doing = || format!("collect garbage in cache folder {}", cache.path.display());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut layers = Vec::new();
    for name in names(folder).map_err(host(doing()))? {
        if let Some(layer) = look(folder, name) {
            layers.push(layer);
        }
    }
    layers.sort();
    let mut total: u64 = layers.iter().map(|layer| layer.bytes).sum();
    let mut pruned = Pruned::default();
    for layer in layers {
        let old = now.saturating_sub(layer.used) > limits.age;
        if !old && total <= limits.bytes {
            continue;
        }
        let lock = try_lock(folder, &layer.name, Hold::Alone).map_err(host(doing()))?;
        let Some(_lock) = lock else { continue };
        // Renamed first: a process that is killed while it removes must not leave half a layer under the layer's name.
        let away = format!("{}.old", layer.name);
        let new = &cache.new;
        remove_tree(new, &away).map_err(host(doing()))?;
        renameat_with(
            folder,
            layer.name.as_str(),
            new,
            away.as_str(),
            RenameFlags::NOREPLACE,
        )
        .map_err(host(doing()))?;
        remove_tree(new, &away).map_err(host(doing()))?;
        total = total.saturating_sub(layer.bytes);
        pruned.layers += 1;
        pruned.bytes += layer.bytes;
    }
    Ok(pruned)
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Layer {
    used: Duration,
    name: String,
    bytes: u64,
}

/// A layer with its size and last use; `None` if another process has removed it.
fn look(folder: &OwnedFd, name: String) -> Option<Layer> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let layer = openat(folder, name.as_str(), flags, Mode::empty()).ok()?;
    let stat = fstat(&layer).ok()?;
    Some(Layer {
        used: Duration::new(
            u64::try_from(stat.st_mtime).ok()?,
            u32::try_from(stat.st_mtime_nsec).ok()?,
        ),
        name,
        bytes: size(&layer)?,
    })
}

/// Bytes of a layer's files, as they were noted when it was unpacked.
pub(crate) fn size(layer: &OwnedFd) -> Option<u64> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let size = openat(layer, "size", flags, Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(size).take(32).read_to_string(&mut text).ok()?;
    // A file that was cut by a full disk says nothing; the layer itself is whole.
    Some(text.parse().unwrap_or(0))
}

fn names(folder: &OwnedFd) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Entries::read_from(folder)? {
        // Unpacked layers and runs have names of hexadecimal digits; `.`, `..` and files of others do not belong to us.
        if let Ok(name) = entry?.file_name().to_str()
            && !name.starts_with('.')
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
