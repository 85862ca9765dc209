//! [`TarFile`]: an image archive in a file that can be sought: the headers of its members are read, blobs stay ranges.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::blobs::SharedRange;
use crate::image::MAX_DOCUMENT;
use crate::rootfs::tar::{SeekInput, TarError, TarReader};
use crate::rootfs::{ImagePath, IndexBudget, shown};
use crate::transport::archive::{checked_path, follow};
use crate::transport::control::Control;
use crate::transport::select::{Documents, LayoutError, display};

/// Members that an archive may have. An image has a few for every layer.
const MAX_MEMBERS: usize = 100_000;

/// The members of an archive.
pub(crate) struct TarFile {
    file: Arc<File>,
    members: BTreeMap<ImagePath, (u64, u64)>,
    links: BTreeMap<ImagePath, ImagePath>,
    /// Members that are there more than once.
    pub(crate) repeated: Vec<ImagePath>,
}

impl TarFile {
    /// Reads the headers.
    pub(crate) fn scan(file: File, control: &Control) -> Result<Self, TarError> {
        let io_error = |source| TarError::Io { offset: 0, source };
        let len = file.metadata().map_err(io_error)?.len();
        let file = Arc::new(file);
        let mut scanned = Self {
            file: file.clone(),
            members: BTreeMap::new(),
            links: BTreeMap::new(),
            repeated: Vec::new(),
        };
        let mut reader = TarReader::new(SeekInput::new(&file, 0, len));
        let budget = IndexBudget::default();
        while let Some(member) = reader.next_member()? {
            control.advance(0).map_err(io_error)?;
            let path = checked_path(&member, &budget)?;
            let error = |what: String| TarError::Member {
                name: shown(&member.name),
                offset: member.header_at,
                what,
            };
            if scanned.members.len() + scanned.links.len() >= MAX_MEMBERS {
                return Err(error(format!(
                    "an image archive has no more than {MAX_MEMBERS} members"
                )));
            }
            let before = scanned.members.contains_key(&path) || scanned.links.contains_key(&path);
            match member.type_flag {
                b'0' if member.sparse.is_some() => {
                    return Err(error("a sparse member in an image archive".into()));
                }
                b'0' => {
                    scanned.links.remove(&path);
                    scanned
                        .members
                        .insert(path.clone(), (member.body_at, member.size));
                }
                // Engine 20.10 links layers that images share; archives packed by hand have hard links too.
                b'1' | b'2' => {
                    let target = match member.type_flag {
                        b'1' => ImagePath::new(&member.link_name),
                        _ => {
                            let dir = path.parent().unwrap_or_else(ImagePath::root);
                            dir.join(&member.link_name)
                        }
                    };
                    scanned.members.remove(&path);
                    scanned.links.insert(path.clone(), target);
                }
                _ => continue,
            }
            if before {
                scanned.repeated.push(path);
            }
        }
        Ok(scanned)
    }

    /// Where the member that `path` leads to is; `None` if there is none.
    pub(crate) fn range(&self, path: &ImagePath) -> Result<Option<SharedRange>, LayoutError> {
        let at = follow(&self.links, path)?;
        Ok(self.members.get(at).map(|&(at, len)| SharedRange {
            file: self.file.clone(),
            at,
            len,
        }))
    }
}

impl Documents for TarFile {
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError> {
        let Some(mut range) = self.range(path)? else {
            return Ok(None);
        };
        if range.len > MAX_DOCUMENT {
            return Err(LayoutError::TooLong {
                member: display(path),
                size: range.len,
                limit: MAX_DOCUMENT,
            });
        }
        let mut bytes = Vec::new();
        let read = range.read_to_end(&mut bytes);
        read.map_err(|source| LayoutError::Read {
            member: display(path),
            source,
        })?;
        Ok(Some(Cow::Owned(bytes)))
    }
}
