//! [`TarSplit`]: the daemon's record of a layer's tar as an input of the tar reader.
//!
//! Source: `github.com/vbatts/tar-split`, `tar/storage/entry.go` and `tar/asm`. A gzipped line of JSON per piece: type
//! 2 holds bytes of the tar as they were (headers, padding), type 1 stands for the contents of a file, of which it
//! knows the name, the size, and the CRC-64 (ISO polynomial) in big-endian order.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;
use serde::Deserialize;

use crate::rootfs::tar::TarInput;

/// Maximum length of a line. All bytes after a tar's end mark are one piece.
const MAX_LINE: u64 = 64 << 20;

const FILE: u8 = 1;
const SEGMENT: u8 = 2;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name_raw: Option<Cow<'a, str>>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    position: u64,
}

/// The record's entry for a file with contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedFile {
    /// Offset of the contents in the tar, in bytes.
    pub(crate) at: u64,
    /// Name as the tar has it.
    pub(crate) name: Vec<u8>,
    /// Checksum of the contents.
    pub(crate) crc: u64,
}

/// The tar that a record describes, without contents.
pub(crate) struct TarSplit<R> {
    lines: BufReader<GzDecoder<R>>,
    line: Vec<u8>,
    position: u64,
    segment: Vec<u8>,
    used: usize,
    /// The contents that come next: name, size and checksum.
    file: Option<(Vec<u8>, u64, u64)>,
    offset: u64,
    files: Vec<RecordedFile>,
}

impl<R: BufRead> TarSplit<R> {
    pub(crate) fn new(record: R) -> Self {
        Self {
            lines: BufReader::with_capacity(128 << 10, GzDecoder::new(record)),
            line: Vec::new(),
            position: 0,
            segment: Vec::new(),
            used: 0,
            file: None,
            offset: 0,
            files: Vec::new(),
        }
    }

    /// The files whose contents were skipped, in the order of the tar.
    pub(crate) fn into_files(self) -> Vec<RecordedFile> {
        self.files
    }

    /// Takes the next piece that is not empty; returns false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            let read = (&mut self.lines)
                .take(MAX_LINE)
                .read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 == MAX_LINE {
                return Err(invalid("a line is too long"));
            }
            let line: Line<'_> = serde_json::from_slice(&self.line)
                .map_err(|e| invalid(&format!("line {}: {e}", self.position)))?;
            // tar-split numbers its pieces; a gap would shift all bytes after it without notice.
            if line.position != self.position {
                return Err(invalid(&format!(
                    "piece {} follows piece {}",
                    line.position, self.position
                )));
            }
            self.position += 1;
            let payload = line.payload.as_deref().unwrap_or_default();
            match line.kind {
                SEGMENT => {
                    self.segment.clear();
                    self.used = 0;
                    STANDARD
                        .decode_vec(payload, &mut self.segment)
                        .map_err(|e| invalid(&e.to_string()))?;
                    if !self.segment.is_empty() {
                        return Ok(true);
                    }
                }
                FILE => {
                    let size = u64::try_from(line.size.unwrap_or(0))
                        .map_err(|_| invalid("a file's size is negative"))?;
                    if size == 0 {
                        continue;
                    }
                    // JSON holds no arbitrary bytes, so a name that is not UTF-8 comes in base64 beside it.
                    let name = match (line.name, line.name_raw) {
                        (_, Some(raw)) => STANDARD
                            .decode(&*raw)
                            .map_err(|e| invalid(&e.to_string()))?,
                        (Some(name), None) => name.into_owned().into_bytes(),
                        (None, None) => Vec::new(),
                    };
                    let mut crc = [0; 8];
                    if STANDARD.decode_slice(payload, &mut crc) != Ok(crc.len()) {
                        return Err(invalid("a file's checksum does not have 8 bytes"));
                    }
                    self.file = Some((name, size, u64::from_be_bytes(crc)));
                    return Ok(true);
                }
                kind => return Err(invalid(&format!("a piece of the unknown type {kind}"))),
            }
        }
    }
}

impl<R: BufRead> TarInput for TarSplit<R> {
    fn fill(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            if self.file.is_some() {
                return Err(invalid("contents stand where the tar has a header"));
            }
            if self.used == self.segment.len() {
                if !self.advance()? {
                    break;
                }
                continue;
            }
            let n = (buf.len() - filled).min(self.segment.len() - self.used);
            buf[filled..filled + n].copy_from_slice(&self.segment[self.used..self.used + n]);
            self.used += n;
            filled += n;
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    fn skip_body(&mut self, len: u64) -> io::Result<u64> {
        if self.used == self.segment.len() && self.file.is_none() {
            self.advance()?;
        }
        match self.file.take() {
            Some((name, size, crc)) if size == len => {
                self.files.push(RecordedFile {
                    at: self.offset,
                    name,
                    crc,
                });
                self.offset += len;
                Ok(len)
            }
            Some(_) => Err(invalid(
                "the tar and the record disagree about a file's size",
            )),
            None => Err(invalid("the tar has contents where the record has none")),
        }
    }

    fn offset(&self) -> u64 {
        self.offset
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
