//! [`TarReader`]: the members of a tar one by one, each with its extended headers applied.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use super::error::TarError;
use super::header::{BLOCK, Block, Header, text};
use super::input::{StreamInput, TarInput};
use super::pax::Pax;
use super::sparse::{self, SparseMap};
use crate::rootfs::Mtime;

/// Longest extended header, long name or long link, in bytes: what Go's reader allows.
const MAX_EXTENSION: u64 = 1 << 20;

/// A member of a tar, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where its last header stands, in bytes from the start of the tar.
    pub header_at: u64,
    /// Where its body starts.
    pub body_at: u64,
    /// Name as stored.
    pub name: Vec<u8>,
    /// Target of a link as stored.
    pub link_name: Vec<u8>,
    /// Type flag (`0` file, `1` hard link, `2` symbolic link, `5` directory, …).
    pub type_flag: u8,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: i64,
    /// Group.
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

/// Reads the members of a tar in order.
#[derive(Debug)]
pub struct TarReader<I> {
    input: I,
    /// Bytes of the current body that nobody has read.
    body: u64,
    /// Padding after it.
    padding: usize,
    /// Name of the current member, for errors.
    current: Vec<u8>,
    ended: bool,
}

impl<I: TarInput> TarReader<I> {
    /// Reads from where `input` stands.
    pub fn new(input: I) -> Self {
        Self {
            input,
            body: 0,
            padding: 0,
            current: Vec::new(),
            ended: false,
        }
    }

    /// The input; after the last member it stands behind the end mark, where padding may follow.
    pub fn into_input(self) -> I {
        self.input
    }

    /// Bytes read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The next member; none at the end mark, or where the input ends between two members.
    pub fn next_member(&mut self) -> Result<Option<Member>, TarError> {
        let mut pax = Pax::default();
        let mut long_name = None;
        let mut long_link = None;
        while !self.ended {
            self.finish_body()?;
            let header_at = self.input.offset();
            let Some(block) = self.next_block()? else {
                self.ended = true;
                break;
            };
            let malformed = |what| TarError::header(header_at, what);
            let header = Header::parse(&block).map_err(malformed)?;
            match header.type_flag() {
                b'x' => {
                    let body = self.extension(&header, header_at)?;
                    pax = Pax::parse(&body).map_err(malformed)?;
                }
                // Docker and containerd do not apply global headers to what follows.
                b'g' => drop(self.extension(&header, header_at)?),
                b'L' => long_name = Some(text(&self.extension(&header, header_at)?).to_vec()),
                b'K' => long_link = Some(text(&self.extension(&header, header_at)?).to_vec()),
                _ => {
                    let names = (long_name.take(), long_link.take());
                    return self
                        .member(&block, &header, header_at, pax, names)
                        .map(Some);
                }
            }
        }
        Ok(None)
    }

    fn io_error(&self, source: io::Error) -> TarError {
        TarError::Io {
            offset: self.input.offset(),
            source,
        }
    }

    fn truncated(&self, within: impl Into<String>) -> TarError {
        TarError::Truncated {
            offset: self.input.offset(),
            within: within.into(),
        }
    }

    /// Passes over what is left of the current body and its padding.
    fn finish_body(&mut self) -> Result<(), TarError> {
        let left = std::mem::take(&mut self.body);
        if left > 0 {
            let skipped = self.input.skip_body(left).map_err(|e| self.io_error(e))?;
            if skipped < left {
                return Err(self.truncated(crate::rootfs::escape_bytes(&self.current)));
            }
        }
        // The last member's padding may be missing, as in Go.
        let mut block = [0; BLOCK];
        let padding = std::mem::take(&mut self.padding);
        self.input
            .fill(&mut block[..padding])
            .map_err(|e| self.io_error(e))?;
        Ok(())
    }

    /// The next header block; none at the end: two blocks of zeros, or the end of the input after none or one.
    fn next_block(&mut self) -> Result<Option<Block>, TarError> {
        let offset = self.input.offset();
        let mut zeros = 0;
        loop {
            let mut block = [0; BLOCK];
            match self.input.fill(&mut block).map_err(|e| self.io_error(e))? {
                0 => return Ok(None),
                BLOCK => {}
                _ => return Err(self.truncated("a header")),
            }
            match block.iter().any(|&b| b != 0) {
                true if zeros == 0 => return Ok(Some(block)),
                true => {
                    return Err(TarError::header(
                        offset,
                        "a single block of zeros stands before it",
                    ));
                }
                false => zeros += 1,
            }
            if zeros == 2 {
                return Ok(None);
            }
        }
    }

    /// The body of a member that is about the next one.
    fn extension(&mut self, header: &Header<'_>, header_at: u64) -> Result<Vec<u8>, TarError> {
        let size = header
            .size()
            .map_err(|what| TarError::header(header_at, what))?;
        let size = u64::try_from(size)
            .ok()
            .filter(|&size| size <= MAX_EXTENSION)
            .ok_or_else(|| {
                TarError::header(header_at, format!("an extended header of {size} bytes"))
            })?;
        let mut body = Vec::new();
        let mut left = size as usize;
        let mut chunk = [0; 4096];
        while left > 0 {
            let want = left.min(chunk.len());
            let got = self
                .input
                .fill(&mut chunk[..want])
                .map_err(|e| self.io_error(e))?;
            body.extend_from_slice(&chunk[..got]);
            if got < want {
                return Err(self.truncated("an extended header"));
            }
            left -= got;
        }
        self.padding = padding(size);
        Ok(body)
    }

    fn member(
        &mut self,
        block: &Block,
        header: &Header<'_>,
        header_at: u64,
        mut pax: Pax,
        (long_name, long_link): (Option<Vec<u8>>, Option<Vec<u8>>),
    ) -> Result<Member, TarError> {
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
        let sparse_format = sparse_format(&pax);
        if let Some(real) = pax
            .get("GNU.sparse.name")
            .filter(|_| sparse_format.is_some())
        {
            name = real.to_vec();
        }
        let field = |what: &'static str| TarError::member(header_at, &name, what);
        let record = |what: String| TarError::member(header_at, &name, what);
        let type_flag = match header.type_flag() {
            0 if name.ends_with(b"/") => b'5',
            0 => b'0',
            flag => flag,
        };
        let stored = match pax.number("size").map_err(record)? {
            Some(size) => size,
            None => u64::try_from(header.size().map_err(field)?)
                .map_err(|_| field("the size is negative"))?,
        };
        let has_body = !matches!(type_flag, b'1'..=b'6');
        let stored = if has_body { stored } else { 0 };
        let id = |record: Option<u64>, header: Result<i64, &'static str>| match record {
            Some(id) => Ok(id.cast_signed()),
            None => header.map_err(field),
        };
        let mtime = match pax.mtime().map_err(field)? {
            Some(mtime) => mtime,
            None => header.mtime().map_err(field)?,
        };
        let mut member = Member {
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
        };
        self.current.clone_from(&member.name);
        self.body = stored;
        self.padding = padding(stored);
        if type_flag == b'S' && header.is_gnu() {
            self.read_old_sparse(&mut member, block)?;
        } else if let Some(format) = sparse_format.filter(|_| has_body) {
            self.read_pax_sparse(&mut member, &pax, format)?;
        }
        member.body_at = self.input.offset();
        Ok(member)
    }

    fn read_old_sparse(&mut self, member: &mut Member, block: &Block) -> Result<(), TarError> {
        let (size, numbers) = sparse::old_gnu(block, &mut self.input)
            .map_err(|e| self.io_error(e))?
            .map_err(|what| TarError::member(member.header_at, &member.name, what))?;
        // To everybody else it is a file.
        member.type_flag = b'0';
        self.set_sparse(member, size, &numbers)
    }

    fn read_pax_sparse(
        &mut self,
        member: &mut Member,
        pax: &Pax,
        format: SparseFormat,
    ) -> Result<(), TarError> {
        let (header_at, name) = (member.header_at, member.name.clone());
        let error = |what: &str| TarError::member(header_at, &name, what);
        let real_size = match pax.number("GNU.sparse.size").map_err(|e| error(&e))? {
            Some(size) => Some(size),
            None => pax.number("GNU.sparse.realsize").map_err(|e| error(&e))?,
        };
        let size = real_size.unwrap_or(member.size);
        let numbers = match format {
            SparseFormat::InHeader => pax.sparse_numbers().map_err(error)?.unwrap_or_default(),
            SparseFormat::InBody => {
                let (numbers, taken) = sparse::pax_1_0(self.body, &mut self.input)
                    .map_err(|e| self.io_error(e))?
                    .map_err(error)?;
                self.body -= taken;
                numbers
            }
        };
        self.set_sparse(member, size, &numbers)
    }

    fn set_sparse(
        &mut self,
        member: &mut Member,
        size: u64,
        numbers: &[u64],
    ) -> Result<(), TarError> {
        let map = SparseMap::new(size, numbers, self.body)
            .map_err(|what| TarError::member(member.header_at, &member.name, what))?;
        member.size = size;
        member.sparse = Some(map);
        Ok(())
    }
}

impl<R: BufRead> TarReader<StreamInput<R>> {
    /// The stored bytes of the member that [`Self::next_member`] gave last. What is not read is passed over.
    pub fn body(&mut self) -> MemberBody<'_, R> {
        MemberBody { reader: self }
    }
}

/// The body of a member as stored; see [`TarReader::body`]. Fails where the tar ends before it does.
#[derive(Debug)]
pub struct MemberBody<'a, R> {
    reader: &'a mut TarReader<StreamInput<R>>,
}

impl<R: BufRead> Read for MemberBody<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let n = bytes.len().min(buf.len());
        buf[..n].copy_from_slice(&bytes[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for MemberBody<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.reader.body;
        if left == 0 {
            return Ok(&[]);
        }
        let bytes = self.reader.input.peek(left)?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    }

    fn consume(&mut self, n: usize) {
        self.reader.input.consume(n);
        self.reader.body -= n as u64;
    }
}

#[derive(Clone, Copy)]
enum SparseFormat {
    InHeader,
    InBody,
}

/// Which sparse format of PAX the records announce.
fn sparse_format(pax: &Pax) -> Option<SparseFormat> {
    match (pax.get("GNU.sparse.major"), pax.get("GNU.sparse.minor")) {
        (Some(b"0"), Some(b"0" | b"1")) => Some(SparseFormat::InHeader),
        (Some(b"1"), Some(b"0")) => Some(SparseFormat::InBody),
        (None, None) => {
            matches!(pax.sparse_numbers(), Err(_) | Ok(Some(_))).then_some(SparseFormat::InHeader)
        }
        _ => None,
    }
}

fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK as u64) as usize
}
