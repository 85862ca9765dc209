//! A tree as lines of text, one per path, with everything that must survive: so that two trees can be compared
//! wherever they are, and a difference reads well.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result};
use minifier::image::Digest;
use minifier::plan::KeepSet;
use minifier::rootfs::{ImagePath, Metadata, Mtime, NodeId, NodeKind, RootFs, escape_bytes};

use crate::layers::MemoryStore;

/// Path to everything about it. Hard links name the first path of their group.
pub type Listing = BTreeMap<ImagePath, String>;

/// Which of what not every tool keeps is compared.
#[derive(Debug, Clone, Copy)]
pub struct Detail {
    /// Extended attributes whose name starts with one of these.
    pub xattrs: &'static [&'static str],
    /// The root directory too.
    pub root: bool,
    /// Modes of symbolic links, which a file system does not keep.
    pub link_modes: bool,
    /// Times before the epoch and after 2262 as the epoch, as Docker bounds them.
    pub bound_times: bool,
}

/// Everything.
pub const ALL: Detail = Detail {
    xattrs: &[""],
    root: true,
    link_modes: true,
    bound_times: false,
};

/// The tree, or the part of it that is kept.
pub fn of_tree(
    rootfs: &RootFs,
    store: &MemoryStore,
    keep: Option<&KeepSet>,
    detail: Detail,
) -> Listing {
    let mut first: BTreeMap<NodeId, ImagePath> = BTreeMap::new();
    let mut listing = Listing::new();
    for (path, id) in rootfs.walk() {
        if keep.is_some_and(|keep| !keep.contains(&path)) || (path.is_root() && !detail.root) {
            continue;
        }
        let node = rootfs.node(id);
        let kind = match &node.kind {
            NodeKind::Directory { .. } => "dir".to_owned(),
            NodeKind::File { content } => file(store.bytes(*content)),
            NodeKind::Symlink { target } => symlink(target),
            NodeKind::CharDevice { major, minor } => format!("char {major}:{minor}"),
            NodeKind::BlockDevice { major, minor } => format!("block {major}:{minor}"),
            NodeKind::Fifo => "fifo".to_owned(),
        };
        let name = first.entry(id).or_insert_with(|| path.clone()).clone();
        listing.insert(path, line(&kind, &name, &node.meta, detail));
    }
    listing
}

/// A folder of this host.
pub fn of_folder(top: &Path, detail: Detail) -> Result<Listing> {
    let mut first: BTreeMap<(u64, u64), ImagePath> = BTreeMap::new();
    let mut listing = Listing::new();
    let mut todo = vec![ImagePath::root()];
    while let Some(path) = todo.pop() {
        let host = top.join(Path::new(std::ffi::OsStr::from_bytes(path.relative())));
        let about = |what: &str| format!("{what} {}", host.display());
        let meta = fs::symlink_metadata(&host).with_context(|| about("stat"))?;
        let device = || {
            let dev = meta.rdev();
            (rustix::fs::major(dev), rustix::fs::minor(dev))
        };
        let file_type = meta.file_type();
        let kind = if file_type.is_dir() {
            let mut names = Vec::new();
            for child in fs::read_dir(&host).with_context(|| about("list"))? {
                names.push(child?.file_name());
            }
            // The last one is taken first: so that the first name of a group is the first in order.
            let mut children: Vec<ImagePath> = names
                .iter()
                .map(|name| path.join(name.as_bytes()))
                .collect();
            children.sort();
            todo.extend(children.into_iter().rev());
            "dir".to_owned()
        } else if file_type.is_symlink() {
            symlink(fs::read_link(&host)?.as_os_str().as_bytes())
        } else if file_type.is_file() {
            file(&fs::read(&host).with_context(|| about("read"))?)
        } else if file_type.is_char_device() {
            format!("char {}:{}", device().0, device().1)
        } else if file_type.is_block_device() {
            format!("block {}:{}", device().0, device().1)
        } else {
            "fifo".to_owned()
        };
        let metadata = Metadata {
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            mtime: Mtime {
                secs: meta.mtime(),
                nanos: u32::try_from(meta.mtime_nsec())?,
            },
            xattrs: xattrs(&host).with_context(|| about("xattrs of"))?,
        };
        let name = if file_type.is_dir() {
            path.clone()
        } else {
            first
                .entry((meta.dev(), meta.ino()))
                .or_insert_with(|| path.clone())
                .clone()
        };
        if !path.is_root() || detail.root {
            listing.insert(path, line(&kind, &name, &metadata, detail));
        }
    }
    Ok(listing)
}

fn xattrs(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = vec![0; 64 * 1024];
    let length = rustix::fs::llistxattr(path, &mut names[..])?;
    let mut all = BTreeMap::new();
    for name in names[..length].split(|&b| b == 0).filter(|n| !n.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..])?;
        value.truncate(length);
        all.insert(name.to_vec(), value);
    }
    Ok(all)
}

fn file(bytes: &[u8]) -> String {
    format!("file {} {}", bytes.len(), &Digest::of(bytes).to_hex()[..16])
}

fn symlink(target: &[u8]) -> String {
    format!("link to {}", escape_bytes(target))
}

fn line(kind: &str, name: &ImagePath, meta: &Metadata, detail: Detail) -> String {
    let mode = if kind.starts_with("link to ") && !detail.link_modes {
        0o777
    } else {
        meta.mode
    };
    // Docker: times that do not fit into 64 bits of nanoseconds.
    let bound = detail.bound_times && !(0..=i64::MAX / 1_000_000_000).contains(&meta.mtime.secs);
    let mtime = if bound { Mtime::default() } else { meta.mtime };
    let mut line = format!(
        "{kind} mode {mode:04o} owner {}:{} time {}.{:09} node {name}",
        meta.uid, meta.gid, mtime.secs, mtime.nanos,
    );
    for (key, value) in &meta.xattrs {
        let key = escape_bytes(key);
        if detail.xattrs.iter().any(|prefix| key.starts_with(prefix)) {
            line.push_str(&format!(" {key}={}", escape_bytes(value)));
        }
    }
    line
}

/// Panics with the lines that differ.
#[track_caller]
pub fn assert_same(what: &str, found: &Listing, expected: &Listing) {
    let mut differences = Vec::new();
    for path in expected.keys().chain(found.keys()) {
        let (f, e) = (found.get(path), expected.get(path));
        if f != e {
            let show = |line: Option<&String>| line.cloned().unwrap_or("nothing".into());
            differences.push(format!(
                "{path}\n  expected {}\n  found    {}",
                show(e),
                show(f)
            ));
        }
    }
    differences.sort();
    differences.dedup();
    assert!(
        differences.is_empty(),
        "{what}: {} paths differ\n{}",
        differences.len(),
        differences.join("\n")
    );
}
