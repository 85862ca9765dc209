//! [`LayerCache`] and [`Unpacked`]: finding layers, and unpacking those that are missing.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{
    Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens, mkdirat,
    openat, renameat_with,
};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::collect;
use super::collect::{CacheLimits, Pruned};
use super::folder::{self, Folders};
use super::lock::{Hold, try_lock};
use super::unpack::{LayerJob, cost};
use crate::image::{ChainId, ImageConfig};
use crate::rootfs::{ContentStore, LayerIndex, RootFs};
use crate::runtime::error::{RuntimeError, host};
use crate::runtime::oci::run;
use crate::runtime::oci::tree::{Dir, TreeWriter, remove_tree};
use crate::runtime::options::{Room, UnpackLimits};

/// How often to look whether another process has finished a layer.
const LOOK: Duration = Duration::from_millis(50);

/// A cache of unpacked layers. Clones are the same cache; several processes may use one folder.
#[derive(Debug, Clone)]
pub struct LayerCache {
    folders: Arc<Folders>,
    limits: UnpackLimits,
}

/// An image whose layers are unpacked. They are locked, and so stay, until this and its clones are dropped.
#[derive(Debug, Clone)]
pub struct Unpacked {
    cache: LayerCache,
    layers: Arc<[HeldLayer]>,
}

#[derive(Debug)]
struct HeldLayer {
    path: PathBuf,
    /// Total size of its files.
    bytes: u64,
    _lock: OwnedFd,
}

impl Unpacked {
    /// Folders of the layers, lowest first.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = &Path> + ExactSizeIterator {
        self.layers.iter().map(|layer| layer.path.as_path())
    }

    /// The room for copies in volumes. The image's own bytes count, even if it was unpacked long ago.
    pub(crate) fn room(&self) -> Room {
        let used = self.layers.iter().map(|layer| layer.bytes);
        let used = used.fold(0, u64::saturating_add);
        Room {
            bytes: self.cache.limits.bytes.saturating_sub(used),
            entries: self.cache.limits.entries,
        }
    }

    /// Where the layers are.
    pub fn cache(&self) -> &LayerCache {
        &self.cache
    }
}

impl LayerCache {
    /// The default folder: `$XDG_CACHE_HOME/minifier`, `~/.cache/minifier`, or `/var/cache/minifier` without a home.
    pub fn default_folder() -> PathBuf {
        folder::default_folder(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// Opens the cache in a folder, which is created if it is missing. Only this user may be able to write to it.
    pub fn open(path: &Path) -> Result<Self, RuntimeError> {
        Ok(Self {
            folders: Arc::new(Folders::open(path)?),
            limits: UnpackLimits::default(),
        })
    }

    /// The same cache with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: UnpackLimits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn limits(&self) -> &UnpackLimits {
        &self.limits
    }

    /// Absolute path of the folder.
    pub fn folder(&self) -> &Path {
        &self.folders.path
    }

    pub(crate) fn folders(&self) -> &Arc<Folders> {
        &self.folders
    }

    /// Finds the layers of an image, and unpacks those that are missing. Blocks; gives up when `cancel` fires.
    ///
    /// `layers` are the image's, lowest first, as many as `config` has diff IDs, and were checked against them.
    pub fn unpack(
        &self,
        config: &ImageConfig,
        layers: &[LayerIndex],
        content: &dyn ContentStore,
        cancel: &CancellationToken,
    ) -> Result<Unpacked, RuntimeError> {
        let chain = ChainId::stack(config.diff_ids());
        if chain.len() != layers.len() {
            return Err(RuntimeError::LayerCount {
                named: chain.len(),
                given: layers.len(),
            });
        }
        // The topmost layer alone would show that all are there, but each has to be locked.
        let mut held: Vec<Option<HeldLayer>> = Vec::with_capacity(chain.len());
        for id in &chain {
            held.push(self.find(*id)?);
        }
        let last_missing = held.iter().rposition(Option::is_none);
        let mut rootfs = RootFs::default();
        let mut left = self.limits;
        // Layers above the last missing one need no merging. Those below do, although they are there: a hard link of a
        // missing layer may name a file of any of them.
        for (number, index) in layers.iter().enumerate() {
            if last_missing.is_none_or(|last| number > last) {
                break;
            }
            let changes = rootfs.apply_layer(number, index.clone())?;
            let cost = cost(&rootfs, &changes);
            cost.take_from(&mut left, &self.limits, number)?;
            if held[number].is_none() {
                let job = LayerJob {
                    layer: number,
                    rootfs: &rootfs,
                    changes: &changes,
                    content,
                    cancel,
                };
                held[number] = Some(self.make(chain[number], &job, cost.bytes)?);
            }
        }
        let layers = held
            .into_iter()
            .map(|held| held.unwrap_or_else(|| unreachable!("missing layers were unpacked")))
            .collect();
        Ok(Unpacked {
            cache: self.clone(),
            layers,
        })
    }

    /// Locks a layer if it is there, and notes its use.
    fn find(&self, id: ChainId) -> Result<Option<HeldLayer>, RuntimeError> {
        let name = id.to_hex();
        let doing = || format!("open cached layer {name}");
        let lock = try_lock(&self.folders.layers, &name, Hold::Shared).map_err(host(doing()))?;
        let Some(lock) = lock else { return Ok(None) };
        let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let now = Timestamps {
            last_access: time(UTIME_OMIT),
            last_modification: time(UTIME_NOW),
        };
        // The folder's own time: overlayfs mounts its layers with `noatime`, so access times say nothing.
        futimens(&lock, &now).map_err(host(doing()))?;
        Ok(Some(HeldLayer {
            bytes: collect::size(&lock).unwrap_or(0),
            path: self.folders.path.join("layers").join(&name).join("diff"),
            _lock: lock,
        }))
    }

    /// Unpacks a layer, or waits until another process has unpacked it.
    fn make(&self, id: ChainId, job: &LayerJob<'_>, bytes: u64) -> Result<HeldLayer, RuntimeError> {
        let name = id.to_hex();
        let doing = || {
            format!(
                "unpack layer {} into {}",
                job.layer,
                self.folders.path.display()
            )
        };
        loop {
            if let Some(held) = self.find(id)? {
                return Ok(held);
            }
            if job.cancel.is_cancelled() {
                return Err(RuntimeError::Interrupted);
            }
            match mkdirat(&self.folders.new, name.as_str(), Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(host(doing())(error)),
            }
            let lock = try_lock(&self.folders.new, &name, Hold::Alone).map_err(host(doing()))?;
            match lock {
                Some(lock) => {
                    let made = self.fill(&lock, &name, job, bytes);
                    if made.is_err() {
                        // If it cannot be removed now, the next start removes it.
                        if let Err(error) = remove_tree(&self.folders.new, &name) {
                            tracing::warn!("failed to remove a half-unpacked layer: {error}");
                        }
                    }
                    made?;
                }
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// Unpacks into the locked folder `name` of `new`, and moves it to its place.
    fn fill(
        &self,
        folder: &OwnedFd,
        name: &str,
        job: &LayerJob<'_>,
        bytes: u64,
    ) -> Result<(), RuntimeError> {
        let doing = || {
            format!(
                "unpack layer {} into {}",
                job.layer,
                self.folders.path.display()
            )
        };
        // Another process can have finished it between the look and the lock.
        if rustix::fs::accessat(
            &self.folders.layers,
            name,
            rustix::fs::Access::EXISTS,
            rustix::fs::AtFlags::empty(),
        )
        .is_ok()
        {
            return remove_tree(&self.folders.new, name).map_err(host(doing()));
        }
        // A killed process may have left a part of it.
        remove_tree(folder, "diff").map_err(host(doing()))?;
        mkdirat(folder, "diff", Mode::RWXU).map_err(host(doing()))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let diff = openat(folder, "diff", flags, Mode::empty()).map_err(host(doing()))?;
        job.write(TreeWriter::new(Dir::new(diff)))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let size = openat(folder, "size", flags, Mode::RUSR | Mode::WUSR);
        let mut size = fs::File::from(size.map_err(host(doing()))?);
        size.write_all(bytes.to_string().as_bytes())
            .map_err(host(doing()))?;
        let (new, layers) = (&self.folders.new, &self.folders.layers);
        renameat_with(new, name, layers, name, RenameFlags::NOREPLACE).map_err(host(doing()))
    }

    /// Removes what killed processes have left: containers with everything that belongs to them, and half-unpacked layers.
    /// Returns the number of containers. Call it at every start. Blocks.
    pub fn sweep(&self) -> Result<usize, RuntimeError> {
        collect::sweep(&self.folders)?;
        run::sweep(&self.folders)
    }

    /// Removes layers until `limits` are kept, the least recently used first. Layers in use stay.
    pub fn prune(&self, limits: &CacheLimits) -> Result<Pruned, RuntimeError> {
        collect::prune(&self.folders, limits)
    }
}
