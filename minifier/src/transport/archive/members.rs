//! The members of an archive, sorted into JSON, possible layers and links, in one pass over its stream.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Cursor, Read};
use std::path::Path;

use super::error::ArchiveError;
use super::spool::{SpoolError, Spooled, spool};
use crate::image::MAX_DOCUMENT;
use crate::rootfs::tar::{
    Compression, CompressionError, Member, StreamInput, TarError, TarReader, decompress,
};
use crate::rootfs::{ImagePath, IndexBudget, check_path, shown};
use crate::transport::select::{Documents, LayoutError, display};

/// More JSON than any image has: configs, manifests and indexes are some kilobytes each.
const MAX_JSON: usize = 16 << 20;

/// Bytes that tell what a member is: a tar header, or the start of anything else.
const HEAD: u64 = 512;

/// Links that may lead to a member one after the other.
const MAX_LINKS: usize = 16;

/// A member that may be a layer.
#[derive(Debug)]
pub(crate) enum Candidate {
    Spooled(Spooled),
    Failed(SpoolError),
    Compression(CompressionError),
}

/// Everything of an archive that an image may need, by path.
#[derive(Debug, Default)]
pub(crate) struct Members {
    json: BTreeMap<ImagePath, Vec<u8>>,
    layers: BTreeMap<ImagePath, Candidate>,
    links: BTreeMap<ImagePath, ImagePath>,
    json_bytes: usize,
    budget: IndexBudget,
}

impl Members {
    /// Reads the archive to its end; layers go to files in `scratch`, and their entries may take what `budget` has.
    pub(crate) fn read(
        reader: impl BufRead + Send,
        scratch: &Path,
        budget: IndexBudget,
    ) -> Result<Self, ArchiveError> {
        let mut members = Self {
            budget,
            ..Self::default()
        };
        let mut tar = TarReader::new(StreamInput::new(reader));
        while let Some(member) = tar.next_member().map_err(ArchiveError::Outer)? {
            let path = checked_path(&member, &members.budget).map_err(ArchiveError::Outer)?;
            match member.type_flag {
                b'0' if member.sparse.is_some() => {
                    return Err(ArchiveError::Outer(TarError::Member {
                        name: shown(&member.name),
                        offset: member.header_at,
                        what: "a sparse member in an image archive".into(),
                    }));
                }
                b'0' => {
                    let mut failure = None;
                    let body = Watched {
                        inner: tar.body(),
                        failure: &mut failure,
                    };
                    members.file(path, member.size, body, scratch)?;
                    if let Some(source) = failure {
                        return Err(ArchiveError::Outer(outer_error(
                            source,
                            tar.offset(),
                            &member.name,
                        )));
                    }
                }
                // Engine 20.10 links layers that images share; archives packed by hand have hard links too.
                b'1' => {
                    members
                        .links
                        .insert(path, ImagePath::new(&member.link_name));
                }
                b'2' => {
                    let dir = path.parent().unwrap_or_else(ImagePath::root);
                    members.links.insert(path, dir.join(&member.link_name));
                }
                _ => {}
            }
        }
        // To the end of the stream, so that whoever writes it is not cut off, and learns of its errors.
        let offset = tar.offset();
        crate::rootfs::tar::TarInput::skip_body(&mut tar.into_input(), u64::MAX)
            .map_err(|source| ArchiveError::Outer(TarError::Io { offset, source }))?;
        Ok(members)
    }

    fn file(
        &mut self,
        path: ImagePath,
        size: u64,
        mut body: impl BufRead + Send,
        scratch: &Path,
    ) -> Result<(), ArchiveError> {
        let mut head = Vec::new();
        // An error here is seen by whoever watches the body.
        if body.by_ref().take(HEAD).read_to_end(&mut head).is_err() {
            return Ok(());
        }
        if size <= MAX_DOCUMENT && is_json(&head) {
            self.json_bytes += size as usize;
            if self.json_bytes > MAX_JSON {
                return Err(ArchiveError::TooMuchJson { limit: MAX_JSON });
            }
            if body.read_to_end(&mut head).is_ok() {
                self.json.insert(path, head);
            }
            return Ok(());
        }
        let candidate = match Compression::detect(&head) {
            // Too short for a tar: a VERSION file.
            Ok(Compression::None) if size < HEAD => return Ok(()),
            Ok(compression) => match decompress(Cursor::new(head).chain(body), compression)
                .map_err(SpoolError::Compression)
                .and_then(|plain| spool(plain, scratch, &self.budget))
            {
                Ok(spooled) => Candidate::Spooled(spooled),
                Err(SpoolError::Scratch(source)) => {
                    return Err(ArchiveError::Scratch {
                        scratch: scratch.display().to_string(),
                        source,
                    });
                }
                Err(error) => Candidate::Failed(error),
            },
            Err(error) => Candidate::Compression(error),
        };
        self.layers.insert(path, candidate);
        Ok(())
    }

    /// The member that `path` leads to.
    fn follow<'a>(&'a self, path: &'a ImagePath) -> Result<&'a ImagePath, LayoutError> {
        follow(&self.links, path)
    }

    /// The layer of that name, and the path of the member itself. `wanted_by` is who names it.
    pub(crate) fn layer<'a>(
        &'a self,
        path: &'a ImagePath,
        wanted_by: &str,
    ) -> Result<(&'a ImagePath, &'a Spooled), ArchiveError> {
        let at = self.follow(path)?;
        let member = || display(path);
        match self.layers.get(at) {
            Some(Candidate::Spooled(spooled)) => Ok((at, spooled)),
            Some(Candidate::Compression(error)) => Err(ArchiveError::LayerCompression {
                member: member(),
                source: io::Error::other(*error),
            }),
            Some(Candidate::Failed(SpoolError::Layer(error))) => Err(ArchiveError::Layer {
                member: member(),
                source: clone_error(error),
            }),
            Some(Candidate::Failed(SpoolError::Compression(e) | SpoolError::Scratch(e))) => {
                Err(ArchiveError::LayerCompression {
                    member: member(),
                    source: io::Error::new(e.kind(), e.to_string()),
                })
            }
            None => Err(ArchiveError::Missing {
                member: member(),
                wanted_by: wanted_by.to_owned(),
            }),
        }
    }

    /// Takes a spooled layer out.
    pub(crate) fn take_layer(&mut self, path: &ImagePath) -> Option<Spooled> {
        match self.layers.remove(path) {
            Some(Candidate::Spooled(spooled)) => Some(spooled),
            _ => None,
        }
    }
}

impl Documents for Members {
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError> {
        let bytes = self.json.get(self.follow(path)?);
        Ok(bytes.map(|bytes| Cow::Borrowed(bytes.as_slice())))
    }
}

/// The path of a member of an archive, which must be one that a file system takes: so must what it links to. Takes of
/// `budget` what both need.
pub(crate) fn checked_path(member: &Member, budget: &IndexBudget) -> Result<ImagePath, TarError> {
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

/// The end of the links of an archive that start at `path`.
pub(crate) fn follow<'a>(
    links: &'a BTreeMap<ImagePath, ImagePath>,
    path: &'a ImagePath,
) -> Result<&'a ImagePath, LayoutError> {
    std::iter::successors(Some(path), |at| links.get(at))
        .take(MAX_LINKS)
        .find(|at| !links.contains_key(at))
        .ok_or_else(|| LayoutError::Link {
            member: display(path),
        })
}

/// A document starts with a bracket and, unlike a tar's header, holds no NUL.
fn is_json(head: &[u8]) -> bool {
    matches!(head.trim_ascii_start().first(), Some(b'{' | b'[')) && !head.contains(&0)
}

fn outer_error(source: io::Error, offset: u64, member: &[u8]) -> TarError {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => TarError::Truncated {
            offset,
            within: shown(member),
        },
        _ => TarError::Io { offset, source },
    }
}

fn clone_error(error: &TarError) -> TarError {
    match error {
        TarError::Io { offset, source } => TarError::Io {
            offset: *offset,
            source: io::Error::new(source.kind(), source.to_string()),
        },
        TarError::Truncated { offset, within } => TarError::Truncated {
            offset: *offset,
            within: within.clone(),
        },
        TarError::Header { offset, what } => TarError::Header {
            offset: *offset,
            what: what.clone(),
        },
        TarError::Member { name, offset, what } => TarError::Member {
            name: name.clone(),
            offset: *offset,
            what: what.clone(),
        },
        TarError::TooManyEntries { offset, source } => TarError::TooManyEntries {
            offset: *offset,
            source: *source,
        },
    }
}

/// Keeps the error of the archive's own stream, which decompressors would pass off as theirs.
struct Watched<'a, R> {
    inner: R,
    failure: &'a mut Option<io::Error>,
}

impl<R: BufRead> Watched<'_, R> {
    fn keep(&mut self, error: io::Error) -> io::Error {
        let copy = io::Error::new(error.kind(), error.to_string());
        self.failure.get_or_insert(error);
        copy
    }
}

impl<R: BufRead> Read for Watched<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|e| self.keep(e))
    }
}

impl<R: BufRead> BufRead for Watched<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.inner.fill_buf() {
            Ok(_) => {}
            Err(e) => return Err(self.keep(e)),
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
    }
}
