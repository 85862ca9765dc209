//! Layers made by hand: content in memory, entries in a line each.

use std::collections::BTreeMap;
use std::io::{self, Read};

use minifier::image::{DiffId, Image, ImageConfig};
use minifier::plan::{KeepSet, Reason};
use minifier::rootfs::{
    ContentRef, ContentStore, EntryKind, ImagePath, LayerEntry, Metadata, Mtime, RootFs,
};
use serde_json::json;

/// Contents of files; `at` is the index.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    contents: Vec<Vec<u8>>,
}

impl MemoryStore {
    /// Adds content of a file of `layer`.
    pub fn add(&mut self, layer: u32, bytes: impl Into<Vec<u8>>) -> ContentRef {
        let bytes = bytes.into();
        let content = ContentRef {
            layer,
            at: self.contents.len() as u64,
            size: bytes.len() as u64,
        };
        self.contents.push(bytes);
        content
    }

    /// The bytes behind a reference.
    pub fn bytes(&self, content: ContentRef) -> &[u8] {
        &self.contents[content.at as usize]
    }
}

impl ContentStore for MemoryStore {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        let bytes = self.contents.get(content.at as usize);
        let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(&bytes[..]))
    }
}

/// Metadata of an entry: mode, owner, group, and a time in seconds.
pub fn meta(mode: u32, uid: u32, gid: u32, secs: i64) -> Metadata {
    Metadata {
        mode,
        uid,
        gid,
        mtime: Mtime { secs, nanos: 0 },
        xattrs: BTreeMap::new(),
    }
}

/// An entry with root's everyday metadata.
pub fn entry(path: impl AsRef<[u8]>, kind: EntryKind) -> LayerEntry {
    let mode = match kind {
        EntryKind::Directory => 0o755,
        EntryKind::Symlink { .. } => 0o777,
        _ => 0o644,
    };
    LayerEntry {
        path: ImagePath::new(path),
        meta: meta(mode, 0, 0, 1_600_000_000),
        kind,
    }
}

/// An image of `layers` layers with a history that fits, and a field that nobody knows.
pub fn image(layers: usize) -> Image {
    let diff_ids: Vec<DiffId> = (0..layers)
        .map(|n| DiffId::of(format!("layer {n}").as_bytes()))
        .collect();
    let history: Vec<_> = (0..layers)
        .map(|n| json!({"created": "2020-02-02T02:02:02Z", "created_by": format!("RUN step {n} && true")}))
        .collect();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "2020-02-02T02:02:02.123456789Z",
        "x-unknown": {"kept": true},
        "config": {"Cmd": ["/bin/true"], "Labels": {"a": "b"}, "User": "0"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    Image {
        reference: "traps:latest".into(),
        config: ImageConfig::parse(config.to_string().as_bytes()).expect("a valid config"),
    }
}

/// Keeps the paths of the tree for which `choose` says so, and the directories above them.
pub fn keep(rootfs: &RootFs, mut choose: impl FnMut(&ImagePath) -> bool) -> KeepSet {
    let mut keep = KeepSet::default();
    for (path, _) in rootfs.walk() {
        if choose(&path) {
            for dir in path.ancestors() {
                keep.insert(dir, Reason::Parent);
            }
            let what = "chosen".to_owned();
            keep.insert(path, Reason::Essential { what });
        }
    }
    keep
}
