//! From the members of a layer's tar to a [`LayerIndex`].
//!
//! Source: OCI image spec, `layer.md` (whiteouts). Names that begin with `.wh..wh.` are metadata of AUFS.

use std::collections::BTreeMap;

use super::error::TarError;
use super::input::TarInput;
use super::member::Member;
use super::reader::TarReader;
use super::sparse::SparseMap;
use crate::rootfs::{
    ContentRef, EntryKind, ImagePath, IndexBudget, LayerEntry, LayerIndex, Metadata, limits,
};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const AUFS: &[u8] = b".wh..wh.";

/// A layer's entries, and the maps of its sparse files by the `at` of their [`ContentRef`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct IndexedLayer {
    /// The entries. `at` of a file is where its body starts in the uncompressed tar.
    pub index: LayerIndex,
    /// Bytes that they took of the budget.
    pub cost: u64,
    /// Files that the tar does not hold in one piece.
    pub sparse: BTreeMap<u64, SparseMap>,
}

/// Reads a layer's tar up to its end mark; `layer` is what goes into the [`ContentRef`]s. `budget` is what all layers
/// of the image may take.
pub fn index_layer<I: TarInput>(
    reader: &mut TarReader<I>,
    layer: u32,
    budget: &IndexBudget,
) -> Result<IndexedLayer, TarError> {
    let mut indexed = IndexedLayer::default();
    let mut last = ImagePath::root();
    while let Some(member) = reader.next_member()? {
        let (offset, at) = (member.header_at, member.body_at);
        let sparse = member.sparse.clone();
        let Some(entry) = layer_entry(member, layer)? else {
            continue;
        };
        let fragments = sparse.as_ref().map_or(0, SparseMap::fragments);
        // Before the entry is stored: a layer of endless names must fail before its list fills the memory.
        indexed.cost += budget
            .take_entry(&mut last, &entry, fragments)
            .map_err(|source| TarError::TooManyEntries { offset, source })?;
        if let (EntryKind::File(_), Some(map)) = (&entry.kind, sparse) {
            indexed.sparse.insert(at, map);
        }
        indexed.index.entries.push(entry);
    }
    Ok(indexed)
}

/// The entry that a member of a layer's tar stands for; `None` for AUFS metadata.
pub fn layer_entry(member: Member, layer: u32) -> Result<Option<LayerEntry>, TarError> {
    let (offset, name) = (member.header_at, member.name.clone());
    let entry = entry(member, layer).and_then(|entry| {
        if let Some(entry) = &entry {
            limits::check_entry(entry).map_err(|e| e.to_string())?;
        }
        Ok(entry)
    });
    entry.map_err(|what| TarError::member(offset, &name, what))
}

fn entry(member: Member, layer: u32) -> Result<Option<LayerEntry>, String> {
    // In every part of the path: `.wh..wh.plnk/1.2` is AUFS's too. Docker leaves these out as well.
    if member
        .name
        .split(|&b| b == b'/')
        .any(|part| part.starts_with(AUFS) && part != OPAQUE)
    {
        return Ok(None);
    }
    let path = ImagePath::new(&member.name);
    // Whiteouts come before the type: the spec does not say which type they have, and writers differ.
    if let Some(hidden) = path.file_name().strip_prefix(WHITEOUT) {
        return whiteout(&path, hidden).map(Some);
    }
    let id = |id: i64, what: &str| {
        u32::try_from(id).map_err(|_| format!("{what} {id} is not between 0 and {}", u32::MAX))
    };
    let device = || {
        let number = |n| u32::try_from(n).map_err(|_| format!("device number {n} is out of range"));
        Ok::<_, String>((number(member.device.0)?, number(member.device.1)?))
    };
    let kind = match member.type_flag {
        // `at` is where the body starts, which no two files share: it serves the store as a key.
        b'0' => EntryKind::File(ContentRef {
            layer,
            at: member.body_at,
            size: member.size,
        }),
        b'1' => EntryKind::HardLink {
            target: ImagePath::new(&member.link_name),
        },
        b'2' => EntryKind::Symlink {
            target: member.link_name,
        },
        b'3' => {
            let (major, minor) = device()?;
            EntryKind::CharDevice { major, minor }
        }
        b'4' => {
            let (major, minor) = device()?;
            EntryKind::BlockDevice { major, minor }
        }
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        // Docker fails on these too. To leave one out would give another tree than what the layer was made for.
        flag => return Err(format!("unknown type {:?}", char::from(flag))),
    };
    let meta = Metadata {
        mode: member.mode,
        uid: id(member.uid, "owner")?,
        gid: id(member.gid, "group")?,
        mtime: member.mtime,
        xattrs: member.xattrs,
    };
    Ok(Some(LayerEntry { path, meta, kind }))
}

/// The entry for `.wh.HIDDEN` at `path`.
fn whiteout(path: &ImagePath, hidden: &[u8]) -> Result<LayerEntry, String> {
    let dir = path.parent().unwrap_or_else(ImagePath::root);
    let (path, kind) = match hidden {
        _ if path.file_name() == OPAQUE => (dir, EntryKind::OpaqueWhiteout),
        // `.wh...` would hide the directory's own parent.
        b"" | b"." | b".." => return Err("a whiteout that names nothing".into()),
        name => (dir.join(name), EntryKind::Whiteout),
    };
    Ok(LayerEntry {
        path,
        meta: Metadata::default(),
        kind,
    })
}
