//! A layered image full of traps: what goes wrong first when layers are taken apart and put together again.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use minifier::image::{Bundle, DiffId, History, Image, ImageConfig, LayerFile};
use minifier::rootfs::{ContentStore, EntryKind, LayerEntry, LayerIndex, Metadata, Mtime};
use serde_json::json;

use crate::layers::{MemoryStore, entry, meta};

/// Bytes that must not be in any image made from this one: later layers overwrite or remove them.
pub const SECRET: &[u8] = b"OVERWRITTEN-SECRET";

/// The image: three layers, their contents.
#[derive(Debug, Default)]
pub struct Traps {
    /// Lowest first.
    pub layers: Vec<LayerIndex>,
    /// Contents of its files.
    pub store: MemoryStore,
}

/// Builds it.
pub fn traps() -> Traps {
    let mut traps = Traps::default();
    traps.lowest();
    traps.middle();
    traps.highest();
    traps
}

impl Traps {
    fn layer(&mut self) -> u32 {
        self.layers.push(LayerIndex::default());
        self.layers.len() as u32 - 1
    }

    fn add(&mut self, entry: LayerEntry) -> &mut Metadata {
        let layer = self.layers.last_mut().expect("a layer");
        layer.entries.push(entry);
        &mut layer.entries.last_mut().expect("just added").meta
    }

    fn dir(&mut self, path: impl AsRef<[u8]>) -> &mut Metadata {
        self.add(entry(path, EntryKind::Directory))
    }

    fn file(&mut self, path: impl AsRef<[u8]>, content: impl Into<Vec<u8>>) -> &mut Metadata {
        let layer = self.layers.len() as u32 - 1;
        let content = self.store.add(layer, content);
        self.add(entry(path, EntryKind::File(content)))
    }

    fn symlink(&mut self, path: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> &mut Metadata {
        let target = target.into();
        self.add(entry(path, EntryKind::Symlink { target }))
    }

    /// A link has the metadata of its target, as tar writers store it.
    fn link(&mut self, path: &str, target: &str) {
        let layer = self.layers.last().expect("a layer");
        let first = layer.entries.iter().find(|e| e.path == target.into());
        let meta = first.expect("the target is in this layer").meta.clone();
        let target = target.into();
        *self.add(entry(path, EntryKind::HardLink { target })) = meta;
    }

    fn lowest(&mut self) {
        self.layer();
        *self.dir("/") = meta(0o755, 0, 0, 1_500_000_000);
        self.dir("/bin");
        *self.file("/bin/setuid", "#!setuid") = meta(0o4755, 0, 0, 1_500_000_001);
        *self.file("/bin/setgid", "#!setgid") = meta(0o2711, 1000, 65_534, 1_500_000_002);
        let capable = self.file("/bin/capable", "#!capable");
        *capable = meta(0o755, 33, 33, 1_500_000_003);
        capable
            .xattrs
            .insert(b"security.capability".to_vec(), capability());
        self.dir("/lib");
        self.link("/lib/capable-too", "/bin/capable");
        self.link("/lib/capable-three", "/bin/capable");
        self.link("/lib/setuid-too", "/bin/setuid");
        *self.dir("/tmp") = meta(0o1777, 0, 0, 1_500_000_004);
        *self.dir("/mail") = meta(0o2775, 8, 8, 1_500_000_005);
        *self.file("/mail/private", "p") = meta(0, 8, 8, 1_500_000_006);
        self.names();
        self.links();
        self.times_owners_sizes();
        self.xattrs();
        self.dir("/nodes");
        let (major, minor) = (1, 3);
        self.add(entry("/nodes/null", EntryKind::CharDevice { major, minor }))
            .mode = 0o666;
        let (major, minor) = (7, 300);
        self.add(entry(
            "/nodes/loop",
            EntryKind::BlockDevice { major, minor },
        ))
        .mode = 0o660;
        self.add(entry("/nodes/fifo", EntryKind::Fifo)).uid = 5;
        self.link("/nodes/fifo-too", "/nodes/fifo");
        // What the upper layers change.
        for dir in [
            "/opaque",
            "/opaque/sub",
            "/becomes-file",
            "/changed",
            "/group",
        ] {
            self.dir(dir);
        }
        self.file("/opaque/old", SECRET);
        self.file("/opaque/sub/old", SECRET);
        self.file("/becomes-file/old", SECRET);
        self.file("/becomes-dir", SECRET);
        self.file("/removed", SECRET);
        self.file("/overwritten", SECRET);
        self.file("/changed/low", "low");
        self.symlink("/link-becomes-dir", "opaque");
        self.file("/group/1", "group");
        self.link("/group/2", "/group/1");
        self.link("/group/3", "/group/1");
        self.dir("/to-be-removed");
        self.file("/to-be-removed/f", SECRET);
    }

    fn names(&mut self) {
        self.dir("/names");
        self.file("/names/\u{e9}\u{4e2d}", "utf-8");
        self.file(b"/names/latin1-\xe9\xff", "no utf-8");
        self.file("/names/new\nline \\back slash ", "odd");
        self.file("/names/ leading", "odd");
        for length in [99, 100, 101, 155, 255] {
            // Of the whole name in the tar, and of one component.
            let name = "n".repeat(length - 6);
            self.file(format!("/names/{name}"), format!("long {length}"));
        }
        let mut deep = String::from("/names");
        for _ in 0..6 {
            deep.push_str(&format!("/{}", "d".repeat(60)));
            self.dir(&deep);
        }
        self.file(format!("{deep}/end"), "deep");
        let odd = [&b"/names/"[..], &[0xe9; 150], b" \xff\n=1 k=v"].concat();
        self.file(&odd, "long and no utf-8");
        self.dir([&odd[..], b"-dir"].concat());
    }

    fn links(&mut self) {
        self.dir("/links");
        self.symlink("/links/dangling", "nowhere/at/all");
        self.symlink("/links/loop-a", "loop-b");
        self.symlink("/links/loop-b", "loop-a");
        self.symlink("/links/self", "self");
        self.symlink("/links/outside", "../../../../etc/shadow");
        self.symlink("/links/absolute", "/bin/setuid");
        self.symlink("/links/odd", &b"a\xff\n b/"[..]);
        self.symlink("/links/long", [&[0xe9; 120][..], b"/../x"].concat());
        self.symlink("/links/of-100", vec![b't'; 100]);
        *self.symlink("/links/owned", "x") = meta(0o777, 12, 13, 1_500_000_007);
        self.link("/links/owned-too", "/links/owned");
    }

    fn times_owners_sizes(&mut self) {
        self.dir("/times").mtime = Mtime {
            secs: 1_500_000_008,
            nanos: 87_654_321,
        };
        for (name, secs, nanos) in [
            ("nanoseconds", 1_500_000_009, 123_456_789),
            ("tenth", 1_500_000_010, 100_000_000),
            ("epoch", 0, 0),
            ("before", -2, 500_000_000),
            ("far", 8_589_934_592, 1),
        ] {
            self.file(format!("/times/{name}"), name).mtime = Mtime { secs, nanos };
        }
        self.dir("/owners");
        *self.file("/owners/big", "big") = meta(0o640, 3_000_000, 4_000_000_000, 1_500_000_011);
        *self.dir("/owners/dir") = meta(0o750, 2_097_152, 2_097_151, 1_500_000_012);
        self.dir("/sizes");
        for size in [0, 1, 511, 512, 513, 300_000] {
            self.file(format!("/sizes/{size}"), vec![b's'; size]);
        }
        let mut sparse = vec![0; 4 << 20];
        sparse[3 << 20] = 1;
        self.file("/sizes/sparse", sparse);
    }

    fn xattrs(&mut self) {
        self.dir("/xattrs");
        let user = self.file("/xattrs/user", "x");
        let value = b"\0\n=\xff 17 path=/etc/shadow\n".to_vec();
        user.xattrs.insert(b"user.binary".to_vec(), value);
        user.xattrs.insert(b"user.z".to_vec(), vec![b'z'; 1000]);
        let acl = self.file("/xattrs/acl", "x");
        acl.mode = 0o640;
        let value = acl_value(&[
            (1, 6, !0),
            (2, 4, 1000),
            (4, 4, !0),
            (0x10, 4, !0),
            (0x20, 0, !0),
        ]);
        acl.xattrs
            .insert(b"system.posix_acl_access".to_vec(), value);
        let value = acl_value(&[(1, 7, !0), (4, 5, !0), (0x20, 5, !0)]);
        let default = self.dir("/xattrs/default-acl");
        default
            .xattrs
            .insert(b"system.posix_acl_default".to_vec(), value);
        let link = self.symlink("/xattrs/link", "user");
        link.xattrs
            .insert(b"trusted.note".to_vec(), b"on a link".to_vec());
        let dir = self.dir("/xattrs/dir");
        dir.xattrs
            .insert(b"user.note".to_vec(), b"on a folder".to_vec());
    }

    fn middle(&mut self) {
        self.layer();
        self.add(entry("/removed", EntryKind::Whiteout));
        self.add(entry("/to-be-removed", EntryKind::Whiteout));
        self.dir("/opaque").mode = 0o750;
        self.add(entry("/opaque", EntryKind::OpaqueWhiteout));
        self.file("/opaque/new", "new");
        self.file("/becomes-file", "file now");
        self.dir("/becomes-dir");
        self.file("/becomes-dir/new", "dir now");
        self.dir("/link-becomes-dir");
        self.file("/link-becomes-dir/new", "no link now");
        self.file("/overwritten", [SECRET, b"again"].concat());
        self.dir("/empty-in-middle").mode = 0o711;
    }

    fn highest(&mut self) {
        self.layer();
        *self.dir("/changed") = meta(0o700, 21, 22, 1_500_000_020);
        self.dir("/group");
        self.file("/group/2", "alone");
        self.file("/overwritten", "final");
        self.dir("/upper");
        self.file("/upper/1", "upper");
        self.link("/changed/upper-too", "/upper/1");
    }
}

fn capability() -> Vec<u8> {
    // VFS_CAP_REVISION_2 with the effective bit; cap_net_bind_service permitted.
    b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()
}

/// `POSIX_ACL_XATTR_VERSION` and entries of tag, permissions, id.
fn acl_value(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

/// Writes the layers as they are, whiteouts included, with the `tar` crate.
pub fn write_original(traps: &Traps, folder: &Path) -> Result<(Image, Bundle)> {
    let mut layers = Vec::new();
    for (number, index) in traps.layers.iter().enumerate() {
        let path = folder.join(format!("original-{number}.tar"));
        let mut tar = tar::Builder::new(Vec::new());
        for entry in &index.entries {
            write_entry(&mut tar, entry, &traps.store)?;
        }
        let bytes = tar.into_inner()?;
        std::fs::write(&path, &bytes)?;
        layers.push(LayerFile {
            diff_id: DiffId::of(&bytes),
            size: bytes.len() as u64,
            path,
        });
    }
    let diff_ids: Vec<DiffId> = layers.iter().map(|layer| layer.diff_id).collect();
    let history: Vec<History> = (0..layers.len())
        .map(|n| History {
            created: Some("2020-02-02T02:02:02Z".into()),
            created_by: Some(format!("COPY layer {n} /")),
            ..History::default()
        })
        .collect();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": "2020-02-02T02:02:02Z",
        "config": {"Cmd": ["/bin/setuid"], "Env": ["A=b"], "WorkingDir": "/tmp"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    let config = ImageConfig::parse(config.to_string().as_bytes())?;
    let image = Image {
        reference: "traps:latest".into(),
        config: config.clone(),
    };
    Ok((image, Bundle { config, layers }))
}

fn write_entry(
    tar: &mut tar::Builder<impl Write>,
    entry: &LayerEntry,
    store: &MemoryStore,
) -> Result<()> {
    use tar::EntryType;
    let mut header = tar::Header::new_ustar();
    let mut link = Vec::new();
    let mut name = entry.path.relative().to_vec();
    let mut content: Box<dyn io::Read> = Box::new(io::empty());
    let mut size = 0;
    let kind = match &entry.kind {
        EntryKind::Directory => {
            name.extend(if name.is_empty() { &b"./"[..] } else { b"/" });
            EntryType::Directory
        }
        EntryKind::File(file) => {
            content = store.open(*file)?;
            size = file.size;
            EntryType::Regular
        }
        EntryKind::HardLink { target } => {
            link = target.relative().to_vec();
            EntryType::Link
        }
        EntryKind::Symlink { target } => {
            link = target.clone();
            EntryType::Symlink
        }
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
            match entry.kind {
                EntryKind::CharDevice { .. } => EntryType::Char,
                _ => EntryType::Block,
            }
        }
        EntryKind::Fifo => EntryType::Fifo,
        EntryKind::Whiteout => {
            let parent = entry.path.parent().expect("a whiteout has a folder");
            let hidden = [b".wh.", entry.path.file_name()].concat();
            name = parent.join(hidden).relative().to_vec();
            EntryType::Regular
        }
        EntryKind::OpaqueWhiteout => {
            name = entry.path.join(".wh..wh..opq").relative().to_vec();
            EntryType::Regular
        }
    };
    header.set_entry_type(kind);
    header.set_mode(entry.meta.mode);
    header.set_size(size);
    let Mtime { secs, nanos } = entry.meta.mtime;
    let time = match (secs, nanos) {
        (-2, 500_000_000) => "-1.5".to_owned(),
        _ => format!("{secs}.{nanos:09}"),
    };
    let mut records: Vec<(String, Vec<u8>)> = vec![
        ("path".into(), name),
        ("mtime".into(), time.into()),
        ("uid".into(), entry.meta.uid.to_string().into()),
        ("gid".into(), entry.meta.gid.to_string().into()),
    ];
    if !link.is_empty() {
        records.push(("linkpath".into(), link));
    }
    for (key, value) in &entry.meta.xattrs {
        let key = format!("SCHILY.xattr.{}", String::from_utf8(key.clone())?);
        records.push((key, value.clone()));
    }
    let records = records.iter().map(|(k, v)| (&**k, &**v));
    tar.append_pax_extensions(records)?;
    header.set_cksum();
    Ok(tar.append(&header, content)?)
}
