//! [`Member`]: one member of a tar, from its header and the extended headers before it.
//!
//! Source: Go's `archive/tar/reader.go`, `next` and `mergePAX`, for what wins over what.

use std::collections::BTreeMap;

use super::error::TarError;
use super::header::Header;
use super::pax::Pax;
use super::sparse::SparseMap;
use crate::rootfs::Mtime;

/// A member of a tar, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Offset of its last header, in bytes from the start of the tar.
    pub header_at: u64,
    /// Offset at which its body starts.
    pub body_at: u64,
    /// Name as stored, which may be absolute or contain `..`.
    pub name: Vec<u8>,
    /// Target of a link as stored.
    pub link_name: Vec<u8>,
    /// Type flag (`0` file, `1` hard link, `2` symbolic link, `5` directory, …).
    pub type_flag: u8,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// ID of the owner, which may be out of range.
    pub uid: i64,
    /// ID of the group, which may be out of range.
    pub gid: i64,
    /// Length of the file in bytes, holes included; 0 for what has no body.
    pub size: u64,
    /// Time of last change.
    pub mtime: Mtime,
    /// Major and minor number as stored.
    pub device: (i64, i64),
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The map of a sparse file.
    pub sparse: Option<SparseMap>,
}

impl Member {
    /// Applies the extended headers to the plain one. The body and the map of a sparse file are the reader's to add;
    /// `size` is what the archive holds of the body. Takes the extended attributes out of `pax`.
    pub(crate) fn new(
        header: &Header<'_>,
        header_at: u64,
        pax: &mut Pax,
        (long_name, long_link): (Option<Vec<u8>>, Option<Vec<u8>>),
    ) -> Result<Self, TarError> {
        // GNU's long name wins over PAX, and PAX over the plain header: in the order in which Go applies them, since
        // what Docker unpacked is what Go read.
        let mut name = pax
            .get("path")
            .map_or_else(|| header.name(), <[u8]>::to_vec);
        if let Some(long) = long_name.filter(|long| !long.is_empty()) {
            name = long;
        }
        let link_name = long_link
            .filter(|long| !long.is_empty())
            .or_else(|| pax.get("linkpath").map(<[u8]>::to_vec))
            .unwrap_or_else(|| header.link_name().to_vec());
        // The format 1.0 of sparse files puts the real name here.
        if let Some(real) = pax
            .get("GNU.sparse.name")
            .filter(|_| sparse_format(pax).is_some())
        {
            name = real.to_vec();
        }
        let field = |what: &'static str| TarError::member(header_at, &name, what);
        let record = |what: String| TarError::member(header_at, &name, what);
        let type_flag = match header.type_flag() {
            // V7 has no type for directories; their names end in a slash.
            0 if name.ends_with(b"/") => b'5',
            0 => b'0',
            flag => flag,
        };
        // Files above 8 GiB have their size in PAX, and whatever fits in the plain field.
        let stored = match pax.number("size").map_err(record)? {
            Some(size) => size,
            None => u64::try_from(header.size().map_err(field)?)
                .map_err(|_| field("the size is negative"))?,
        };
        // Old tars give hard links the size of their file, but no body follows; reading one would skip real headers.
        let stored = if has_body(type_flag) { stored } else { 0 };
        let id = |record: Option<u64>, header: Result<i64, &'static str>| match record {
            Some(id) => Ok(id.cast_signed()),
            None => header.map_err(field),
        };
        let mtime = match pax.mtime().map_err(field)? {
            Some(mtime) => mtime,
            None => header.mtime().map_err(field)?,
        };
        Ok(Self {
            header_at,
            body_at: 0,
            link_name,
            type_flag,
            mode: header.mode().map_err(field)?,
            uid: id(pax.number("uid").map_err(record)?, header.uid())?,
            gid: id(pax.number("gid").map_err(record)?, header.gid())?,
            size: stored,
            mtime,
            device: header.device().map_err(field)?,
            xattrs: pax.take_xattrs(),
            sparse: None,
            name,
        })
    }

    /// Whether a body follows: not for links, devices, directories and pipes, whatever size their header gives.
    pub(crate) fn has_body(&self) -> bool {
        has_body(self.type_flag)
    }
}

fn has_body(type_flag: u8) -> bool {
    !matches!(type_flag, b'1'..=b'6')
}

/// The place of a sparse file's map in PAX.
#[derive(Clone, Copy)]
pub(crate) enum SparseFormat {
    InHeader,
    InBody,
}

/// Which sparse format of PAX the records announce.
pub(crate) fn sparse_format(pax: &Pax) -> Option<SparseFormat> {
    match (pax.get("GNU.sparse.major"), pax.get("GNU.sparse.minor")) {
        (Some(b"0"), Some(b"0" | b"1")) => Some(SparseFormat::InHeader),
        (Some(b"1"), Some(b"0")) => Some(SparseFormat::InBody),
        // The format 0.0 has no version; its records are the only sign.
        (None, None) => {
            matches!(pax.sparse_numbers(), Err(_) | Ok(Some(_))).then_some(SparseFormat::InHeader)
        }
        _ => None,
    }
}
