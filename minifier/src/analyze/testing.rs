//! Images in memory, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Files;
use crate::image::{Image, ImageConfig};
use crate::rootfs::{
    ContentRef, ContentStore, EntryKind, ImagePath, LayerEntry, LayerIndex, MergedImage, Metadata,
    RootFs,
};

enum Bytes {
    Memory(Vec<u8>),
    Host(PathBuf),
}

/// Collects entries; [`Self::build`] merges them.
#[derive(Default)]
pub(crate) struct TestImage {
    entries: BTreeMap<ImagePath, LayerEntry>,
    contents: Vec<Bytes>,
    execution: serde_json::Map<String, serde_json::Value>,
}

impl TestImage {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn entry(mut self, path: &ImagePath, mode: u32, kind: EntryKind) -> Self {
        let meta = Metadata {
            mode,
            ..Metadata::default()
        };
        let entry = LayerEntry {
            path: path.clone(),
            meta,
            kind,
        };
        self.entries.insert(path.clone(), entry);
        self
    }

    fn content(&mut self, bytes: Bytes, size: u64) -> EntryKind {
        self.contents.push(bytes);
        EntryKind::File(ContentRef {
            layer: 0,
            at: self.contents.len() as u64 - 1,
            size,
        })
    }

    pub(crate) fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        let size = bytes.len() as u64;
        let kind = self.content(Bytes::Memory(bytes), size);
        self.entry(&path.into(), 0o644, kind)
    }

    pub(crate) fn program(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let mut image = self.file(path, bytes);
        if let Some(entry) = image.entries.get_mut(&ImagePath::from(path)) {
            entry.meta.mode = 0o755;
        }
        image
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.entry(&path.into(), 0o755, EntryKind::Directory)
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let target = target.into();
        self.entry(&path.into(), 0o777, EntryKind::Symlink { target })
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        let target = target.into();
        self.entry(&path.into(), 0o755, EntryKind::HardLink { target })
    }

    /// A field of the image config's `config`.
    pub(crate) fn config(mut self, field: &str, value: serde_json::Value) -> Self {
        self.execution.insert(field.into(), value);
        self
    }

    /// A file, link or directory of this host; directories with what they hold, `depth` levels deep.
    pub(crate) fn host(self, path: &str, depth: usize) -> Self {
        self.host_as(Path::new(path), &path.into(), depth)
    }

    fn host_as(mut self, host: &Path, path: &ImagePath, depth: usize) -> Self {
        let meta = fs::symlink_metadata(host).unwrap_or_else(|e| panic!("{}: {e}", host.display()));
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            let target = fs::read_link(host).unwrap().as_os_str().as_bytes().to_vec();
            self.entry(path, mode, EntryKind::Symlink { target })
        } else if meta.is_file() {
            let kind = self.content(Bytes::Host(host.to_owned()), meta.len());
            self.entry(path, mode, kind)
        } else if meta.is_dir() {
            self = self.entry(path, mode, EntryKind::Directory);
            let names = if depth == 0 {
                None
            } else {
                Some(fs::read_dir(host).unwrap())
            };
            for entry in names.into_iter().flatten() {
                let entry = entry.unwrap();
                let child = path.join(entry.file_name().as_bytes());
                self = self.host_as(&entry.path(), &child, depth - 1);
            }
            self
        } else {
            self
        }
    }

    pub(crate) fn build(self) -> BuiltImage {
        let (links, others): (Vec<_>, Vec<_>) = self
            .entries
            .into_values()
            .partition(|entry| matches!(entry.kind, EntryKind::HardLink { .. }));
        let entries = others.into_iter().chain(links).collect();
        let config = serde_json::json!({
            "os": "linux",
            "architecture": "amd64",
            "config": self.execution,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        BuiltImage {
            image: Image {
                reference: "test:latest".into(),
                config: ImageConfig::parse(config.to_string().as_bytes()).unwrap(),
            },
            rootfs: RootFs::merge([LayerIndex { entries }]).unwrap(),
            store: MemoryStore(self.contents),
        }
    }
}

pub(crate) struct BuiltImage {
    pub(crate) image: Image,
    pub(crate) rootfs: RootFs,
    pub(crate) store: MemoryStore,
}

impl BuiltImage {
    pub(crate) fn files(&self) -> Files<'_> {
        Files {
            rootfs: &self.rootfs,
            store: &self.store,
        }
    }

    pub(crate) fn merged(&self) -> MergedImage<'_> {
        MergedImage {
            image: &self.image,
            rootfs: &self.rootfs,
            content: &self.store,
        }
    }
}

pub(crate) struct MemoryStore(Vec<Bytes>);

impl ContentStore for MemoryStore {
    fn open(&self, content: ContentRef) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.0.get(content.at as usize) {
            Some(Bytes::Memory(bytes)) => Ok(Box::new(bytes.as_slice())),
            Some(Bytes::Host(path)) => Ok(Box::new(fs::File::open(path)?)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A made-up ELF file for x86-64.
#[derive(Default, Clone)]
pub(crate) struct TestElf {
    interpreter: Option<&'static str>,
    dynamic: Vec<(u64, String)>,
    flags_1: u64,
    note: Vec<u8>,
    machine: u8,
}

impl TestElf {
    pub(crate) fn library() -> Self {
        Self {
            machine: 62,
            ..Self::default()
        }
    }

    pub(crate) fn program(interpreter: &'static str) -> Self {
        Self {
            interpreter: Some(interpreter),
            ..Self::library()
        }
    }

    fn entry(mut self, tag: u64, value: &str) -> Self {
        self.dynamic.push((tag, value.to_owned()));
        self
    }

    pub(crate) fn needs(self, name: &str) -> Self {
        self.entry(1, name)
    }

    pub(crate) fn soname(self, name: &str) -> Self {
        self.entry(14, name)
    }

    pub(crate) fn rpath(self, path: &str) -> Self {
        self.entry(15, path)
    }

    pub(crate) fn runpath(self, path: &str) -> Self {
        self.entry(29, path)
    }

    pub(crate) fn no_default_dirs(mut self) -> Self {
        self.flags_1 = 0x800;
        self
    }

    /// For another machine: 64-bit ARM.
    pub(crate) fn for_arm(mut self) -> Self {
        self.machine = 183;
        self
    }

    /// `.note.dlopen`
    pub(crate) fn dlopen(mut self, json: &str) -> Self {
        let mut note = Vec::new();
        for word in [4, json.len() as u32, 0x407c_0c0a] {
            note.extend(word.to_le_bytes());
        }
        note.extend(b"FDO\0");
        note.extend(json.as_bytes());
        note.resize(note.len().next_multiple_of(4), 0);
        self.note = note;
        self
    }

    /// A name in the table of dynamic symbols.
    pub(crate) fn symbol(self, name: &str) -> Self {
        self.entry(u64::MAX, name)
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        const HEADERS: usize = 64 + 4 * 56;
        let mut strings = vec![0];
        let mut table = Vec::new();
        let mut add = |tag: u64, value: u64| {
            table.extend(tag.to_le_bytes());
            table.extend(value.to_le_bytes());
        };
        for (tag, value) in &self.dynamic {
            if *tag != u64::MAX {
                add(*tag, strings.len() as u64);
            }
            strings.extend(value.as_bytes());
            strings.push(0);
        }
        add(5, HEADERS as u64);
        add(10, strings.len() as u64);
        if self.flags_1 != 0 {
            add(0x6fff_fffb, self.flags_1);
        }
        add(0, 0);
        let interpreter = self
            .interpreter
            .map(|path| [path.as_bytes(), b"\0"].concat());
        let interpreter = interpreter.unwrap_or_default();
        let table_at = HEADERS + strings.len();
        let interpreter_at = table_at + table.len();
        let note_at = interpreter_at + interpreter.len();
        let end = note_at + self.note.len();

        let mut out = b"\x7fELF\x02\x01\x01".to_vec();
        out.resize(16, 0);
        out.extend([3, 0, self.machine, 0, 1, 0, 0, 0]);
        out.extend([0_u64, 64, 0].map(u64::to_le_bytes).concat());
        out.extend([0, 0, 0, 0, 64, 0, 56, 0, 4, 0, 64, 0, 0, 0, 0, 0]);
        let mut segment = |kind: u32, at: usize, size: usize| {
            // PT_NULL if there is nothing.
            let kind = if size == 0 { 0 } else { kind };
            out.extend(kind.to_le_bytes());
            out.extend(4_u32.to_le_bytes());
            let at = at as u64;
            out.extend([at, at, at].map(u64::to_le_bytes).concat());
            out.extend([size as u64, size as u64, 4].map(u64::to_le_bytes).concat());
        };
        segment(1, 0, end);
        segment(2, table_at, table.len());
        segment(3, interpreter_at, interpreter.len());
        segment(4, note_at, self.note.len());
        [out, strings, table, interpreter, self.note.clone()].concat()
    }
}

/// A zip of stored and deflated entries in turn.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (i, (name, content)) in entries.iter().enumerate() {
        let packed = if i % 2 == 0 {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let method: u16 = if i % 2 == 0 { 8 } else { 0 };
        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes());
        common.extend(0u16.to_le_bytes());
        common.extend(method.to_le_bytes());
        common.extend([0; 8]);
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        let at = out.len() as u32;
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, count) = (out.len() as u32, entries.len() as u16);
    let size = directory.len() as u32;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}
