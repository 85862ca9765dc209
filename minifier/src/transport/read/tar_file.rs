//! [`TarFile`]: an image archive in a file that can be sought: the headers of its members are read, blobs stay ranges.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use super::blobs::SharedRange;
use crate::rootfs::tar::{SeekInput, TarError, TarReader};
use crate::rootfs::{ImagePath, IndexBudget};
use crate::transport::archive::{MemberTable, check_document};
use crate::transport::control::Control;
use crate::transport::select::{ImageDocuments, LayoutError, display};

/// The members of an archive.
pub(crate) struct TarFile {
    file: Arc<File>,
    members: MemberTable<MemberRange>,
}

/// Where the bytes of a member are in the archive.
struct MemberRange {
    at: u64,
    len: u64,
}

impl TarFile {
    /// Reads the headers.
    pub(crate) fn scan(file: File, control: &Control) -> Result<Self, TarError> {
        let io_error = |source| TarError::Io { offset: 0, source };
        let len = file.metadata().map_err(io_error)?.len();
        let mut members = MemberTable::new(IndexBudget::default());
        let mut reader = TarReader::new(SeekInput::new(&file, 0, len));
        while let Some(member) = reader.next_member()? {
            // Nothing is read, so nothing counts as progress; but a scan of many headers must be able to stop.
            control.advance(0).map_err(io_error)?;
            if let Some(path) = members.sort(&member)? {
                let range = MemberRange {
                    at: member.body_at,
                    len: member.size,
                };
                members.insert(path, range);
            }
        }
        drop(reader);
        Ok(Self {
            file: Arc::new(file),
            members,
        })
    }

    /// Where the member that `path` leads to is; `None` if there is none.
    pub(crate) fn range(&self, path: &ImagePath) -> Result<Option<SharedRange>, LayoutError> {
        let found = self.members.get(path)?;
        Ok(found.map(|(_, &MemberRange { at, len })| SharedRange {
            file: self.file.clone(),
            at,
            len,
        }))
    }

    /// Names that the archive has more than once.
    pub(crate) fn repeated(&self) -> &[ImagePath] {
        self.members.repeated()
    }
}

impl ImageDocuments for TarFile {
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError> {
        let Some(mut range) = self.range(path)? else {
            return Ok(None);
        };
        check_document(path, range.len)?;
        let mut bytes = Vec::new();
        let read = range.read_to_end(&mut bytes);
        read.map_err(|source| LayoutError::Read {
            member: display(path),
            source,
        })?;
        Ok(Some(Cow::Owned(bytes)))
    }
}
