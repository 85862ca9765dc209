//! The members of an archive, sorted into JSON, possible layers and links, in one pass over its stream.

use std::borrow::Cow;
use std::io::{self, BufRead, Cursor, Read};
use std::path::Path;

use super::error::ArchiveError;
use super::spool::{SpoolError, SpooledLayer, spool};
use super::table::{MemberTable, check_document};
use crate::image::MAX_DOCUMENT;
use crate::rootfs::tar::{
    Compression, CompressionError, StreamInput, TarError, TarReader, decompress,
};
use crate::rootfs::{ImagePath, IndexBudget, shown};
use crate::transport::select::{ImageDocuments, LayoutError, display};

/// Maximum length of all documents together; configs, manifests and indexes are some kilobytes each.
const MAX_JSON: usize = 16 << 20;

/// Bytes that decide what a member is: the length of a tar header.
const HEAD: u64 = 512;

/// A file of a streamed archive.
#[derive(Debug)]
enum Streamed {
    /// Short, and starts like JSON.
    Document(Vec<u8>),
    /// Everything else that is not too short for a tar, with its size.
    Candidate(Candidate, u64),
    /// Too short for a tar and no document, such as Docker's VERSION; with its size.
    Neither(u64),
}

/// A member that may be a layer.
#[derive(Debug)]
enum Candidate {
    Spooled(SpooledLayer),
    Failed(SpoolError),
    Compression(CompressionError),
}

/// Everything of an archive that an image may need, by path.
#[derive(Debug)]
pub(crate) struct ArchiveMembers {
    table: MemberTable<Streamed>,
    json_bytes: usize,
}

impl ArchiveMembers {
    /// Reads the archive to its end; layers go to files in `scratch`, and their entries may take what `budget` has.
    pub(crate) fn read(
        reader: impl BufRead + Send,
        scratch: &Path,
        budget: IndexBudget,
    ) -> Result<Self, ArchiveError> {
        let mut members = Self {
            table: MemberTable::new(budget),
            json_bytes: 0,
        };
        let mut tar = TarReader::new(StreamInput::new(reader));
        while let Some(member) = tar.next_member().map_err(ArchiveError::Outer)? {
            let sorted = members.table.sort(&member).map_err(ArchiveError::Outer)?;
            let Some(path) = sorted else { continue };
            let mut failure = None;
            let body = SourceErrors {
                inner: tar.body(),
                failure: &mut failure,
            };
            let file = members.file(member.size, body, scratch)?;
            if let Some(source) = failure {
                return Err(ArchiveError::Outer(outer_error(
                    source,
                    tar.offset(),
                    &member.name,
                )));
            }
            members.table.insert(path, file);
        }
        // To the end of the stream: a daemon that is cut off logs an error, and its own error may come at the end.
        let offset = tar.offset();
        crate::rootfs::tar::TarInput::skip_body(&mut tar.into_input(), u64::MAX)
            .map_err(|source| ArchiveError::Outer(TarError::Io { offset, source }))?;
        Ok(members)
    }

    fn file(
        &mut self,
        size: u64,
        mut body: impl BufRead + Send,
        scratch: &Path,
    ) -> Result<Streamed, ArchiveError> {
        let mut head = Vec::new();
        // Nothing is known in advance of the order of members, so the first bytes decide. An error here is the
        // source's, which `SourceErrors` keeps and the caller returns.
        if body.by_ref().take(HEAD).read_to_end(&mut head).is_err() {
            return Ok(Streamed::Neither(size));
        }
        if size <= MAX_DOCUMENT && is_json(&head) {
            // Bounded for the whole archive: it stays in memory until the choice is made.
            self.json_bytes += size as usize;
            if self.json_bytes > MAX_JSON {
                return Err(ArchiveError::TooMuchJson { limit: MAX_JSON });
            }
            return Ok(match body.read_to_end(&mut head) {
                Ok(_) => Streamed::Document(head),
                Err(_) => Streamed::Neither(size),
            });
        }
        let candidate = match Compression::detect(&head) {
            // `VERSION` and `repositories` of `docker save`.
            Ok(Compression::None) if size < HEAD => return Ok(Streamed::Neither(size)),
            Ok(compression) => match decompress(Cursor::new(head).chain(body), compression)
                .map_err(SpoolError::Compression)
                .and_then(|plain| spool(plain, scratch, self.table.budget()))
            {
                Ok(spooled) => Candidate::Spooled(spooled),
                Err(SpoolError::Scratch(source)) => {
                    return Err(ArchiveError::Scratch {
                        scratch: scratch.display().to_string(),
                        source,
                    });
                }
                // Perhaps nobody names this member as a layer, so its fault is no error yet.
                Err(error) => Candidate::Failed(error),
            },
            Err(error) => Candidate::Compression(error),
        };
        Ok(Streamed::Candidate(candidate, size))
    }

    /// The layer that `path` leads to, and the path of the member itself. `wanted_by` is the document that names it.
    pub(crate) fn layer<'a>(
        &'a self,
        path: &'a ImagePath,
        wanted_by: &str,
    ) -> Result<(&'a ImagePath, &'a SpooledLayer), ArchiveError> {
        let member = || display(path);
        let Some((at, file)) = self.table.get(path)? else {
            return Err(ArchiveError::Missing {
                member: member(),
                wanted_by: wanted_by.to_owned(),
            });
        };
        let Streamed::Candidate(candidate, _) = file else {
            return Err(ArchiveError::NoLayer { member: member() });
        };
        match candidate {
            Candidate::Spooled(spooled) => Ok((at, spooled)),
            Candidate::Compression(error) => Err(ArchiveError::LayerCompression {
                member: member(),
                source: io::Error::other(*error),
            }),
            Candidate::Failed(SpoolError::Layer(error)) => Err(ArchiveError::Layer {
                member: member(),
                source: clone_error(error),
            }),
            Candidate::Failed(SpoolError::Compression(e) | SpoolError::Scratch(e)) => {
                Err(ArchiveError::LayerCompression {
                    member: member(),
                    source: io::Error::new(e.kind(), e.to_string()),
                })
            }
        }
    }

    /// Takes a spooled layer out.
    pub(crate) fn take_layer(&mut self, path: &ImagePath) -> Option<SpooledLayer> {
        match self.table.remove(path) {
            Some(Streamed::Candidate(Candidate::Spooled(spooled), _)) => Some(spooled),
            _ => None,
        }
    }
}

impl ImageDocuments for ArchiveMembers {
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError> {
        let size = match self.table.get(path)? {
            None => return Ok(None),
            Some((_, Streamed::Document(bytes))) => return Ok(Some(Cow::Borrowed(bytes))),
            Some((_, Streamed::Candidate(_, size) | Streamed::Neither(size))) => *size,
        };
        check_document(path, size)?;
        Err(LayoutError::NoJson {
            member: display(path),
        })
    }
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

/// Keeps the error of the archive's own stream: a decompressor would report it as "corrupt data", and the fault would
/// be looked for in the layer and not in the connection.
struct SourceErrors<'a, R> {
    inner: R,
    failure: &'a mut Option<io::Error>,
}

impl<R: BufRead> SourceErrors<'_, R> {
    fn keep(&mut self, error: io::Error) -> io::Error {
        let copy = io::Error::new(error.kind(), error.to_string());
        self.failure.get_or_insert(error);
        copy
    }
}

impl<R: BufRead> Read for SourceErrors<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|e| self.keep(e))
    }
}

impl<R: BufRead> BufRead for SourceErrors<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.inner.fill_buf() {
            Ok(_) => {}
            Err(e) => return Err(self.keep(e)),
        }
        // Again, since the borrow checker does not let the first result leave the match. It costs nothing: the buffer
        // is full.
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.inner.consume(n);
    }
}
