//! [`MemberTable`]: the files and links of an image archive by path, however their bytes are reached.
//!
//! Every reader of archives sorts members here, so that a stream and a file of the same bytes give the same image.

use std::collections::BTreeMap;

use crate::image::MAX_DOCUMENT;
use crate::rootfs::tar::{Member, TarError};
use crate::rootfs::{ImagePath, IndexBudget, check_path, shown};
use crate::transport::select::{LayoutError, display};

/// Maximum number of files and links in an archive. An image has a few for every layer.
const MAX_MEMBERS: usize = 100_000;

/// Maximum number of links from a name to a file.
const MAX_LINKS: usize = 16;

/// The members of an archive. `T` is what the reader knows of a file: where its bytes are, or the bytes.
#[derive(Debug)]
pub(crate) struct MemberTable<T> {
    files: BTreeMap<ImagePath, T>,
    links: BTreeMap<ImagePath, ImagePath>,
    repeated: Vec<ImagePath>,
    budget: IndexBudget,
}

impl<T> MemberTable<T> {
    /// An empty table whose names are paid for by `budget`.
    pub(crate) fn new(budget: IndexBudget) -> Self {
        Self {
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            repeated: Vec::new(),
            budget,
        }
    }

    /// Sorts a member in. Returns the path of a regular file, which the caller passes to [`Self::insert`] with its
    /// contents; `None` for everything else.
    pub(crate) fn sort(&mut self, member: &Member) -> Result<Option<ImagePath>, TarError> {
        let path = checked_path(member, &self.budget)?;
        let error = |what: String| TarError::Member {
            name: shown(&member.name),
            offset: member.header_at,
            what,
        };
        if self.files.len() + self.links.len() >= MAX_MEMBERS {
            return Err(error(format!(
                "an image archive has no more than {MAX_MEMBERS} members"
            )));
        }
        let target = match member.type_flag {
            // A blob's digest is that of the expanded file, which is not a range of the archive.
            b'0' if member.sparse.is_some() => {
                return Err(error("a sparse member in an image archive".into()));
            }
            b'0' => return Ok(Some(path)),
            // Engine 20.10 links layers that images share; archives packed by hand have hard links too.
            b'1' => ImagePath::new(&member.link_name),
            b'2' => {
                let dir = path.parent().unwrap_or_else(ImagePath::root);
                dir.join(&member.link_name)
            }
            _ => return Ok(None),
        };
        self.replace(&path);
        self.links.insert(path, target);
        Ok(None)
    }

    /// Adds a file under a path that [`Self::sort`] returned.
    pub(crate) fn insert(&mut self, path: ImagePath, file: T) {
        self.replace(&path);
        self.files.insert(path, file);
    }

    /// The last member of a name counts, as when an archive is extracted.
    fn replace(&mut self, path: &ImagePath) {
        let file = self.files.remove(path).is_some();
        if self.links.remove(path).is_some() || file {
            self.repeated.push(path.clone());
        }
    }

    /// The file that `path` leads to, with its own path; `None` if there is none.
    pub(crate) fn get<'a>(
        &'a self,
        path: &ImagePath,
    ) -> Result<Option<(&'a ImagePath, &'a T)>, LayoutError> {
        let end = std::iter::successors(Some(path), |at| self.links.get(at))
            .take(MAX_LINKS)
            .find(|at| !self.links.contains_key(at))
            .ok_or_else(|| LayoutError::Link {
                member: display(path),
            })?;
        Ok(self.files.get_key_value(end))
    }

    /// Takes a file out, by its own path.
    pub(crate) fn remove(&mut self, path: &ImagePath) -> Option<T> {
        self.files.remove(path)
    }

    /// Names that the archive has more than once, in the order of their repetition.
    pub(crate) fn repeated(&self) -> &[ImagePath] {
        &self.repeated
    }

    /// The budget that pays for names and, in a stream, for the entries of layers.
    pub(crate) fn budget(&self) -> &IndexBudget {
        &self.budget
    }
}

/// The path of a member, which a file system must be able to take; so must the target of a link. Takes of `budget` what
/// both need.
fn checked_path(member: &Member, budget: &IndexBudget) -> Result<ImagePath, TarError> {
    let path = ImagePath::new(&member.name);
    let target = match member.type_flag {
        b'1' | b'2' => ImagePath::new(&member.link_name),
        _ => ImagePath::root(),
    };
    let checked = check_path(&path).and_then(|()| check_path(&target));
    checked.map_err(|error| TarError::Member {
        name: shown(&member.name),
        offset: member.header_at,
        what: error.to_string(),
    })?;
    let taken = budget.take_member(&path, &target);
    taken.map_err(|source| TarError::TooManyEntries {
        offset: member.header_at,
        source,
    })?;
    Ok(path)
}

/// Refuses to read a member of `size` bytes as a document: memory must not depend on what a hostile archive says.
pub(crate) fn check_document(path: &ImagePath, size: u64) -> Result<(), LayoutError> {
    if size <= MAX_DOCUMENT {
        return Ok(());
    }
    Err(LayoutError::TooLong {
        member: display(path),
        size,
        limit: MAX_DOCUMENT,
    })
}
