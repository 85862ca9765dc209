//! A container's mounts and network: the image's volumes, `--mount`, `--volume`, `--tmpfs` and `--network`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::image::ImageConfig;
use crate::rootfs::ImagePath;
use crate::runtime::destination::{MountContent, Wish, WishOrigin};
use crate::runtime::error::RuntimeError;
use crate::runtime::options::{Mount, MountKind, RunOptions, Volume, is_propagation};

/// The network that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Network {
    /// A private one, with a loopback device only.
    Private,
    /// The host's network.
    Host,
    /// The network namespace at a path.
    Path(String),
}

impl Network {
    /// Reads `--network`.
    pub(crate) fn of(options: &RunOptions) -> Result<Self, RuntimeError> {
        match options.network.as_deref() {
            None | Some("none" | "private") => Ok(Self::Private),
            Some("host") => Ok(Self::Host),
            Some(path) if path.starts_with('/') => Ok(Self::Path(path.to_owned())),
            Some(name) => Err(RuntimeError::Option {
                option: format!("--network {name}"),
                reason: "it must be none (the default), host or the path of a network namespace"
                    .to_owned(),
            }),
        }
    }
}

/// The source of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// A path of the host.
    Bind {
        source: String,
        recursive: bool,
        propagation: String,
    },
    /// A folder that lives as long as the container; those with the same name are the same.
    Volume { name: Option<String>, copy: bool },
    /// A file system in memory.
    Tmpfs { options: Vec<String> },
}

/// A mount of the container, with its target as written or, later, as resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoragePlace {
    pub(crate) origin: WishOrigin,
    pub(crate) target: ImagePath,
    pub(crate) read_only: bool,
    pub(crate) storage: Storage,
}

impl StoragePlace {
    /// The same for the resolution of its target.
    pub(crate) fn wish(&self) -> Wish {
        Wish {
            origin: self.origin,
            target: self.target.clone(),
            content: match &self.storage {
                Storage::Bind { source, .. } => MountContent::Host(source.into()),
                Storage::Volume { name, copy: true } => MountContent::Image(name.clone()),
                Storage::Volume { copy: false, .. } | Storage::Tmpfs { .. } => MountContent::Empty,
            },
        }
    }
}

/// Folders of volumes by their number in the list of places.
pub(crate) type Volumes = BTreeMap<usize, std::path::PathBuf>;

/// All mounts of the options and of the image, in this order. Their targets are not yet resolved.
pub(crate) fn plan_storage(
    config: &ImageConfig,
    options: &RunOptions,
) -> Result<Vec<StoragePlace>, RuntimeError> {
    let mut places = Vec::new();
    for mount in &options.mounts {
        places.push(of_mount(mount)?);
    }
    for volume in &options.volumes {
        places.push(of_volume(volume)?);
    }
    for tmpfs in &options.tmpfs {
        places.push(place(&tmpfs.target, false, memory(&tmpfs.options)));
    }
    let mut taken = BTreeSet::new();
    for place in &places {
        if place.target.is_root() || !taken.insert(place.target.clone()) {
            let reason = if place.target.is_root() {
                "nothing can be mounted there"
            } else {
                "another mount has the same target"
            };
            return Err(refused(&format!("a mount at {}", place.target), reason));
        }
    }
    for target in config.volumes() {
        let target = ImagePath::new(target);
        // An option at the place of one of the image's volumes replaces it.
        if taken.insert(target.clone()) {
            let storage = Storage::Volume {
                name: None,
                copy: true,
            };
            places.push(StoragePlace {
                origin: WishOrigin::Image,
                target,
                read_only: false,
                storage,
            });
        }
    }
    Ok(places)
}

fn place(target: &str, read_only: bool, storage: Storage) -> StoragePlace {
    StoragePlace {
        origin: WishOrigin::Option,
        target: ImagePath::new(target),
        read_only,
        storage,
    }
}

fn refused(option: &str, reason: &str) -> RuntimeError {
    RuntimeError::Option {
        option: option.to_owned(),
        reason: reason.to_owned(),
    }
}

fn of_mount(mount: &Mount) -> Result<StoragePlace, RuntimeError> {
    let storage = match &mount.kind {
        MountKind::Bind {
            source,
            propagation,
            non_recursive,
        } => bind(source, propagation.as_deref(), !non_recursive)?,
        MountKind::Volume {
            driver: Some(driver),
            ..
        } if driver != "local" => {
            return Err(refused(
                &format!("a volume with driver {driver:?}"),
                "only a daemon has volume drivers",
            ));
        }
        MountKind::Volume { options, .. } if !options.is_empty() => {
            return Err(refused(
                &format!("a volume at {} with volume-opt", mount.target),
                "only a daemon has volume drivers",
            ));
        }
        MountKind::Volume {
            source, no_copy, ..
        } => Storage::Volume {
            name: source.clone(),
            copy: !no_copy,
        },
        MountKind::Tmpfs { size, mode } => {
            let size = size.map(|size| format!("size={size}"));
            let mode = mode.map(|mode| format!("mode={mode:o}"));
            let options: Vec<String> = size.into_iter().chain(mode).collect();
            memory(&options.join(","))
        }
    };
    Ok(place(&mount.target, mount.read_only, storage))
}

/// `source:target[:options]`, as [`crate::runtime::options::parse_volume`] leaves it.
fn of_volume(volume: &Volume) -> Result<StoragePlace, RuntimeError> {
    let text = match volume {
        Volume::Anonymous(target) => {
            let storage = Storage::Volume {
                name: None,
                copy: true,
            };
            return Ok(place(target, false, storage));
        }
        Volume::Bind(text) => text,
    };
    let (source, target, options) = Volume::fields(text);
    let words: Vec<&str> = options.split(',').collect();
    let has = |word| words.contains(&word);
    let storage = if source.starts_with('/') {
        let propagation = words.iter().copied().find(|word| is_propagation(word));
        bind(source, propagation, true)?
    } else {
        Storage::Volume {
            name: Some(source.to_owned()),
            copy: !has("nocopy"),
        }
    };
    Ok(place(target, has("ro"), storage))
}

fn bind(source: &str, propagation: Option<&str>, recursive: bool) -> Result<Storage, RuntimeError> {
    let option = || format!("a bind mount of {source}");
    if !Path::new(source).try_exists().unwrap_or(false) {
        return Err(refused(
            &option(),
            "there is no such file or folder on this host",
        ));
    }
    // `shared` would make mounts of the container appear on the host, and stay there.
    let propagation = propagation.unwrap_or("rprivate");
    if propagation.ends_with("shared") {
        let reason = format!("propagation {propagation:?} would let mounts of the container out");
        return Err(refused(&option(), &reason));
    }
    Ok(Storage::Bind {
        source: source.to_owned(),
        recursive,
        propagation: propagation.to_owned(),
    })
}

/// A tmpfs with Docker's defaults, unless the options have the opposite.
fn memory(options: &str) -> Storage {
    let given: Vec<&str> = options
        .split(',')
        .filter(|option| !option.is_empty())
        .collect();
    let defaults = [("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev")];
    let kept = defaults
        .iter()
        .filter(|(_, opposite)| !given.contains(opposite))
        .map(|(default, _)| *default);
    let options = kept
        .chain(given.iter().copied())
        .map(str::to_owned)
        .collect();
    Storage::Tmpfs { options }
}
