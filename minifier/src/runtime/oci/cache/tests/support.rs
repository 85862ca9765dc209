//! Images made of entries, their unpacked tree and the merged one, in a form that can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::image::{DiffId, ImageConfig};
use crate::rootfs::*;
use crate::runtime::error::RuntimeError;
use crate::runtime::oci::cache::layers::{LayerCache, Unpacked};
use crate::runtime::oci::overlay::{in_own_namespace, mount_image};
use crate::runtime::oci::tree::{Dir, Inode, WalkKind, WalkNext, remove_tree, walk};

/// Contents that follow from the reference alone.
pub(crate) struct PatternContent;

impl ContentStore for PatternContent {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        let byte = (content.at + u64::from(content.layer)) as u8;
        Ok(Box::new(io::repeat(byte).take(content.size)))
    }
}

pub(crate) fn entry(path: &str, kind: EntryKind) -> LayerEntry {
    LayerEntry {
        path: path.into(),
        meta: Metadata {
            mode: 0o755,
            ..Metadata::default()
        },
        kind,
    }
}

pub(crate) fn file(path: &str, at: u64, size: u64) -> LayerEntry {
    entry(path, EntryKind::File(ContentRef { layer: 0, at, size }))
}

pub(crate) fn layer(entries: Vec<LayerEntry>) -> LayerIndex {
    LayerIndex { entries }
}

/// A config whose diff IDs follow from what the layers hold.
pub(crate) fn config(layers: &[LayerIndex]) -> ImageConfig {
    let ids: Vec<DiffId> = layers
        .iter()
        .map(|layer| DiffId::of(format!("{layer:?}").as_bytes()))
        .collect();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ids},
    });
    ImageConfig::parse(&serde_json::to_vec(&config).unwrap()).unwrap()
}

pub(crate) fn unpack(cache: &LayerCache, layers: &[LayerIndex]) -> Result<Unpacked, RuntimeError> {
    let cancel = CancellationToken::new();
    cache.unpack(&config(layers), layers, &PatternContent, &cancel)
}

/// A tree: what stands at each path, and which paths are names of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DiskTree {
    entries: BTreeMap<ImagePath, (Metadata, String)>,
    links: BTreeSet<BTreeSet<ImagePath>>,
}

/// What a container would see of an unpacked image.
pub(crate) fn seen(image: &Unpacked) -> Result<DiskTree, RuntimeError> {
    let folder = tempfile::tempdir_in(image.cache().folder()).unwrap();
    let tree = in_own_namespace(|| {
        mount_image(image, folder.path())?;
        Ok(tree_at(&folder.path().join("rootfs")))
    });
    let parent = File::open(folder.path()).unwrap();
    for name in ["upper", "work", "l"] {
        remove_tree(&parent, name).unwrap();
    }
    tree
}

/// A tree of this host.
pub(crate) fn tree_at(path: &Path) -> DiskTree {
    let mut tree = DiskTree::default();
    let mut names: BTreeMap<(u64, u64), BTreeSet<ImagePath>> = BTreeMap::new();
    walk(&mut Dir::open(path).unwrap(), |found| {
        if let Some(inode) = found.inode {
            names.entry(inode).or_default().insert(found.path.clone());
        }
        let kind = match found.kind {
            WalkKind::Directory => "directory".to_owned(),
            WalkKind::File(fd, size) => {
                let mut head = Vec::new();
                File::from(fd).take(1 << 20).read_to_end(&mut head)?;
                format!(
                    "file {size} {:?} {}",
                    head.first(),
                    head.iter().all(|b| *b == head[0])
                )
            }
            WalkKind::Symlink(target) => format!("symlink {}", escape_bytes(&target)),
            WalkKind::Other(inode) => format!("{inode:?}"),
            WalkKind::Socket => "socket".to_owned(),
        };
        tree.entries.insert(found.path, (found.meta, kind));
        Ok::<_, io::Error>(WalkNext::Into)
    })
    .unwrap();
    tree.links = names
        .into_values()
        .filter(|names| names.len() > 1)
        .collect();
    tree
}

/// The tree that the layers mean.
pub(crate) fn meant(layers: &[LayerIndex]) -> Result<DiskTree, MergeError> {
    let rootfs = RootFs::merge(layers.to_vec())?;
    let mut tree = DiskTree::default();
    let mut names: BTreeMap<NodeId, BTreeSet<ImagePath>> = BTreeMap::new();
    for (path, id) in rootfs.walk() {
        let node = rootfs.node(id);
        let mut meta = node.meta.clone();
        let kind = match &node.kind {
            NodeKind::Directory { .. } => "directory".to_owned(),
            NodeKind::File { content } => {
                let mut head = Vec::new();
                let reader = PatternContent.open(*content).unwrap();
                reader.take(1 << 20).read_to_end(&mut head).unwrap();
                let size = content.size;
                format!(
                    "file {size} {:?} {}",
                    head.first(),
                    head.iter().all(|b| *b == head[0])
                )
            }
            NodeKind::Symlink { target } => {
                // Links have no mode of their own.
                meta.mode = 0o777;
                format!("symlink {}", escape_bytes(target))
            }
            NodeKind::CharDevice { major, minor } => format!("{:?}", Inode::Char(*major, *minor)),
            NodeKind::BlockDevice { major, minor } => format!("{:?}", Inode::Block(*major, *minor)),
            NodeKind::Fifo => format!("{:?}", Inode::Fifo),
        };
        if !node.is_dir() {
            names.entry(id).or_default().insert(path.clone());
        }
        // Linux has these for files and directories only, and nobody sees overlayfs's own.
        let plain = matches!(
            node.kind,
            NodeKind::Directory { .. } | NodeKind::File { .. }
        );
        meta.xattrs.retain(|name, _| {
            (plain || !name.starts_with(b"user.")) && !name.starts_with(b"trusted.overlay.")
        });
        tree.entries.insert(path, (meta, kind));
    }
    tree.links = names
        .into_values()
        .filter(|names| names.len() > 1)
        .collect();
    Ok(tree)
}
