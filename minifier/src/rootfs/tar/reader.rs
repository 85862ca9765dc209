//! [`TarReader`]: from the blocks of a tar to its members, one by one.

use std::io::{self, BufRead, Read};

use super::error::TarError;
use super::header::{BLOCK, Block, Header, text};
use super::input::{StreamInput, TarInput};
use super::member::{Member, SparseFormat, sparse_format};
use super::pax::Pax;
use super::sparse::{self, SparseMap};

/// Longest extended header, long name or long link, in bytes: what Go's reader allows.
const MAX_EXTENSION: u64 = 1 << 20;

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

    /// The next member; `None` at the end mark, or if the input ends between two members.
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
                // The records are about the next member only, so a second header before it replaces the first, as in
                // Go's reader.
                b'x' => {
                    let body = self.extension(&header, header_at)?;
                    pax = Pax::parse(&body).map_err(malformed)?;
                }
                // Docker and containerd do not apply global headers to what follows.
                b'g' => drop(self.extension(&header, header_at)?),
                b'L' => long_name = Some(text(&self.extension(&header, header_at)?).to_vec()),
                b'K' => long_link = Some(text(&self.extension(&header, header_at)?).to_vec()),
                _ => {
                    // Anything else is a member: unknown types reach the caller, who knows whether the tar is a
                    // layer.
                    let names = (long_name.take(), long_link.take());
                    let member = Member::new(&header, header_at, &mut pax, names)?;
                    return self.start_body(member, &header, &block, &pax).map(Some);
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
            // A caller that wants only headers never touches the body, so that a seeking input does not read it.
            let skipped = self.input.skip_body(left).map_err(|e| self.io_error(e))?;
            if skipped < left {
                return Err(self.truncated(crate::rootfs::shown(&self.current)));
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

    /// The next header block; `None` at the end: two blocks of zeros, or the end of the input after none or one.
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
                // POSIX ends a tar with two blocks of zeros. After a single one, GNU tar warns and Go fails; reading
                // on would let two readers see different members.
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

    /// The body of an extended header, which is about the member after it.
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
        // The size is a claim of the archive: memory grows with the bytes that are really there.
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

    /// Takes up the body of a member whose headers are read.
    fn start_body(
        &mut self,
        mut member: Member,
        header: &Header<'_>,
        block: &Block,
        pax: &Pax,
    ) -> Result<Member, TarError> {
        self.current.clone_from(&member.name);
        self.body = member.size;
        self.padding = padding(member.size);
        // In other dialects `S` has no meaning, and the bytes of the old GNU map belong to other fields.
        if member.type_flag == b'S' && header.is_gnu() {
            self.read_old_sparse(&mut member, block)?;
        } else if let Some(format) = sparse_format(pax).filter(|_| member.has_body()) {
            self.read_pax_sparse(&mut member, pax, format)?;
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
        // The formats 0.0 and 0.1 call the length of the file `size`, the format 1.0 calls it `realsize`.
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
        // From here on, the size is that of the file with its holes, as everybody expects who reads its content.
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

/// The body of a member as stored; see [`TarReader::body`]. Fails if the tar ends before it does.
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
        // An end here would look like the end of the file and make a short file pass for a whole one.
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

fn padding(size: u64) -> usize {
    (size.wrapping_neg() % BLOCK as u64) as usize
}
