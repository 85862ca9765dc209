//! The limits on what the entries of a layer may be and may take: one place for every command.
//!
//! The longest names are those of Linux (`limits.h`, `xattr(7)`): no container engine unpacks an entry that is longer,
//! since no file system takes it. How much all entries may take grows with the bytes that were read for them, so that
//! an image of a million files is read, and a listing that a few kilobytes inflate to is not.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tar::Compression;
use super::{EntryKind, ImagePath, LayerEntry, shown};

/// Longest path and longest target of a link: `PATH_MAX` without its NUL.
pub const MAX_PATH: usize = 4095;
/// Longest component of a path: `NAME_MAX`.
pub const MAX_NAME: usize = 255;
/// Longest name of an extended attribute: `XATTR_NAME_MAX`.
const MAX_XATTR_NAME: usize = 255;
/// Longest value of an extended attribute: `XATTR_SIZE_MAX`. The names of one entry may come to as much
/// (`XATTR_LIST_MAX`).
const MAX_XATTR: usize = 64 << 10;

/// Bytes of memory that the entries of any image may take.
const BASE: u64 = 64 << 20;
/// What each compressed byte that was read adds to that. A file that is worth having takes more than a hundred bytes of
/// a compressed layer, with its header.
const PER_COMPRESSED_BYTE: u64 = 4;
/// How many uncompressed bytes add one. The headers of a file take at least 512, its contents a few thousand.
const PLAIN_BYTES: u64 = 4;
/// The most that there ever is.
const MOST: u64 = 1 << 30;

// What entries take, measured in the index and in the merged tree together, both of which are there for a while.
const ENTRY: u64 = 256;
const DIRECTORY: u64 = 512;
const XATTRS: u64 = 640;
const XATTR: u64 = 96;
const SPARSE_FRAGMENT: u64 = 16;

/// An entry that no file system takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    /// The whole path, of so many bytes.
    #[error("its path has {0} bytes, more than a file system accepts ({MAX_PATH})")]
    Path(usize),
    /// A component of its path.
    #[error("a name in its path has {0} bytes, more than a file system accepts ({MAX_NAME})")]
    Name(usize),
    /// The target of a link, of so many bytes.
    #[error("its target has {0} bytes, more than a file system accepts ({MAX_PATH})")]
    Target(usize),
    /// The name of one of its extended attributes.
    #[error(
        "an extended attribute has a name of {0} bytes, more than a file system accepts ({MAX_XATTR_NAME})"
    )]
    XattrName(usize),
    /// One of its extended attributes.
    #[error(
        "its extended attribute {name} has {length} bytes, more than a file system accepts ({MAX_XATTR})"
    )]
    XattrValue {
        /// The name of the attribute, escaped for messages.
        name: String,
        /// Bytes of the value.
        length: usize,
    },
    /// The names of all its extended attributes.
    #[error(
        "the names of its extended attributes have {0} bytes, more than a file system accepts ({MAX_XATTR})"
    )]
    XattrNames(usize),
}

/// Checks a path and each of its components against the limits of Linux.
pub fn check_path(path: &ImagePath) -> Result<(), TooLong> {
    let length = path.as_bytes().len();
    if length > MAX_PATH {
        return Err(TooLong::Path(length));
    }
    let longest = path.components().map(<[u8]>::len).max().unwrap_or(0);
    if longest > MAX_NAME {
        Err(TooLong::Name(longest))
    } else {
        Ok(())
    }
}

/// Checks the path of an entry, what it links to and its extended attributes.
pub(crate) fn check_entry(entry: &LayerEntry) -> Result<(), TooLong> {
    check_path(&entry.path)?;
    let target = target_length(&entry.kind);
    if target > MAX_PATH {
        return Err(TooLong::Target(target));
    }
    let mut names = 0;
    for (name, value) in &entry.meta.xattrs {
        if name.len() > MAX_XATTR_NAME {
            return Err(TooLong::XattrName(name.len()));
        }
        if value.len() > MAX_XATTR {
            return Err(TooLong::XattrValue {
                name: shown(name),
                length: value.len(),
            });
        }
        names += name.len() + 1;
    }
    if names > MAX_XATTR {
        Err(TooLong::XattrNames(names))
    } else {
        Ok(())
    }
}

fn target_length(kind: &EntryKind) -> usize {
    match kind {
        EntryKind::Symlink { target } => target.len(),
        EntryKind::HardLink { target } => target.as_bytes().len(),
        _ => 0,
    }
}

fn cost(last: &ImagePath, entry: &LayerEntry, sparse_fragments: usize) -> u64 {
    let path = entry.path.as_bytes();
    let own = match entry.kind {
        EntryKind::Directory => DIRECTORY,
        _ => ENTRY,
    };
    let xattrs = &entry.meta.xattrs;
    let mut cost = own + (path.len() + target_length(&entry.kind)) as u64;
    if !xattrs.is_empty() {
        cost += XATTRS;
    }
    for (name, value) in xattrs {
        cost += XATTR + (name.len() + value.len()) as u64;
    }
    cost + implied(last.as_bytes(), path) + SPARSE_FRAGMENT * sparse_fragments as u64
}

/// The same of the directories only. Each is counted with its whole path: that is what a listing of it takes.
fn implied(last: &[u8], path: &[u8]) -> u64 {
    let common = last.iter().zip(path).take_while(|(a, b)| a == b).count();
    let ends_a_component = |at: usize| at < common || (at == common && last.len() == at);
    path.iter()
        .enumerate()
        .skip(1)
        .filter(|&(at, &byte)| byte == b'/' && !ends_a_component(at))
        .map(|(at, _)| DIRECTORY + at as u64)
        .sum()
}

/// The entries of an image would take more memory than they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the entries of the layers take more than {limit} bytes of memory, far more than is stored of them, as in an \
     archive that is made to exhaust it"
)]
pub struct TooManyEntries {
    /// The limit, in bytes.
    pub limit: u64,
}

/// The memory that the entries of an image may take, shared by all of its layers; and as much again for what is kept of
/// their contents.
#[derive(Debug, Clone)]
pub struct IndexBudget {
    shared: Arc<SharedCount>,
}

#[derive(Debug)]
struct SharedCount {
    allowed: AtomicU64,
    taken: AtomicU64,
    kept: AtomicU64,
}

impl Default for IndexBudget {
    fn default() -> Self {
        Self::starting_with(BASE)
    }
}

impl IndexBudget {
    fn starting_with(allowed: u64) -> Self {
        Self {
            shared: Arc::new(SharedCount {
                allowed: AtomicU64::new(allowed),
                taken: AtomicU64::new(0),
                kept: AtomicU64::new(0),
            }),
        }
    }

    /// For an image that is trusted: as much as there ever is, however little is stored.
    pub fn of_trusted() -> Self {
        Self::starting_with(MOST)
    }

    /// Counts what is read of the image as it is stored, which is compressed in that way.
    pub fn fed_by<R>(&self, inner: R, compression: Compression) -> Feeding<R> {
        Feeding {
            inner,
            compression,
            budget: self.clone(),
        }
    }

    /// Takes what an entry needs in an index and in a merged tree, with the directories that its path implies and that
    /// of the entry before it, `last`, did not; `last` becomes its path. Gives the bytes taken.
    pub(crate) fn take_entry(
        &self,
        last: &mut ImagePath,
        entry: &LayerEntry,
        sparse_fragments: usize,
    ) -> Result<u64, TooManyEntries> {
        let cost = cost(last, entry, sparse_fragments);
        self.take(cost)?;
        last.clone_from(&entry.path);
        Ok(cost)
    }

    /// Takes what an entry needs.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), TooManyEntries> {
        let taken = self.shared.taken.fetch_add(bytes, Ordering::Relaxed);
        let limit = self.limit();
        if taken.saturating_add(bytes) > limit {
            Err(TooManyEntries { limit })
        } else {
            Ok(())
        }
    }

    /// Takes what is kept of the contents of files, as long as half of the room is left for what is made of them; false,
    /// and nothing taken, if it is not.
    pub(crate) fn keep_contents(&self, bytes: u64) -> bool {
        self.keep_within(bytes, self.limit() / 2)
    }

    /// Takes what is made of contents that were kept; false, and nothing taken, if there is no room for it.
    pub(crate) fn keep_made(&self, bytes: u64) -> bool {
        self.keep_within(bytes, self.limit())
    }

    /// How much more contents can be kept now.
    pub(crate) fn room_for_contents(&self) -> u64 {
        (self.limit() / 2).saturating_sub(self.shared.kept.load(Ordering::Relaxed))
    }

    fn keep_within(&self, bytes: u64, limit: u64) -> bool {
        let kept = |kept: u64| kept.checked_add(bytes).filter(|&kept| kept <= limit);
        let order = Ordering::Relaxed;
        self.shared.kept.fetch_update(order, order, kept).is_ok()
    }

    fn limit(&self) -> u64 {
        self.shared.allowed.load(Ordering::Relaxed).min(MOST)
    }

    /// Takes what a member of an archive needs that is no layer's entry.
    pub(crate) fn take_member(
        &self,
        path: &ImagePath,
        target: &ImagePath,
    ) -> Result<(), TooManyEntries> {
        self.take(ENTRY + (path.as_bytes().len() + target.as_bytes().len()) as u64)
    }

    /// Counts bytes that were read, or passed over, of the image as it is stored.
    pub(crate) fn feed(&self, stored: u64, compression: Compression) {
        let more = match compression {
            Compression::None => stored / PLAIN_BYTES,
            Compression::Gzip | Compression::Zstd => stored.saturating_mul(PER_COMPRESSED_BYTE),
        };
        self.shared.allowed.fetch_add(more, Ordering::Relaxed);
    }
}

/// A reader whose bytes count for an [`IndexBudget`].
#[derive(Debug)]
pub struct Feeding<R> {
    inner: R,
    compression: Compression,
    budget: IndexBudget,
}

impl<R: Read> Read for Feeding<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.budget.feed(n as u64, self.compression);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Feeding<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.budget.feed(n as u64, self.compression);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_takes_is_taken_and_a_byte_more_is_not() {
        let name = |length| ImagePath::new("n".repeat(length));
        assert_eq!(check_path(&name(MAX_NAME)), Ok(()));
        assert_eq!(check_path(&name(256)), Err(TooLong::Name(256)));
        let path =
            |length: usize| ImagePath::new("/d".repeat(length / 2) + &"d".repeat(length % 2));
        assert_eq!(check_path(&path(MAX_PATH)), Ok(()));
        assert_eq!(check_path(&path(4096)), Err(TooLong::Path(4096)));
    }

    #[test]
    fn directories_are_counted_where_the_path_before_did_not_have_them() {
        let count = |last: &str, path: &str| implied(last.as_bytes(), path.as_bytes()) / DIRECTORY;
        for (last, path, directories) in [
            ("/", "/a", 0),
            ("/", "/a/b/c", 2),
            ("/a/b", "/a/b/c", 0),
            ("/a/b/c", "/a/b/d", 0),
            ("/a/bc", "/a/b/c", 1),
            ("/a/b/c", "/a/bc/d", 1),
            ("/a/b/c", "/b/b/c", 2),
        ] {
            assert_eq!(count(last, path), directories, "{last} {path}");
        }
    }

    #[test]
    fn what_was_read_allows_for_more_up_to_the_most() {
        let budget = IndexBudget::starting_with(10);
        assert_eq!(budget.take(10), Ok(()));
        assert!(budget.take(1).is_err());
        for compression in [Compression::Zstd, Compression::None] {
            let mut stored = budget.fed_by(&[0; 100][..], compression);
            assert_eq!(io::copy(&mut stored, &mut io::sink()).unwrap(), 100);
        }
        assert_eq!(budget.take(424), Ok(()));
        assert_eq!(budget.take(1), Err(TooManyEntries { limit: 435 }));
        assert!(IndexBudget::of_trusted().take(MOST + 1).is_err());
    }

    #[test]
    fn contents_have_as_much_as_entries_and_of_their_own() {
        let budget = IndexBudget::starting_with(10);
        assert_eq!(budget.take(10), Ok(()));
        assert!(budget.keep_contents(3) && !budget.keep_contents(3));
        assert_eq!(budget.room_for_contents(), 2);
        assert!(budget.keep_contents(2) && !budget.keep_contents(1));
        assert!(budget.keep_made(5) && !budget.keep_made(1));
        budget.feed(10, Compression::Gzip);
        assert_eq!(budget.room_for_contents(), 15);
        assert!(budget.keep_made(40) && !budget.keep_made(1));
    }
}
