//! Compression in blocks of a fixed size, each by itself, so that the bytes depend neither on the number of threads
//! nor on their speed.
//!
//! Gzip: one member whose blocks are primed with the 32 KiB before them and joined at sync flushes, as pigz does.
//! Zstandard: one frame per block.
//!
//! Source: RFC 1951, RFC 1952, RFC 8878; `pigz.c` for the joints.

use std::io;

use flate2::{Compress, Crc, FlushCompress, Status};

use crate::rootfs::tar::Compression;

/// Uncompressed bytes of a block of gzip.
const GZIP_BLOCK: usize = 512 << 10;

/// Uncompressed bytes of a frame of Zstandard.
const ZSTD_BLOCK: usize = 4 << 20;

/// What deflate can look back to.
const WINDOW: usize = 32 << 10;

/// How to compress layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerCompression {
    kind: Compression,
    level: i32,
}

/// A level that the compression does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("compress with {kind} at level {level}: it has the levels {first} to {last}")]
pub struct LevelError {
    kind: Compression,
    level: i32,
    first: i32,
    last: i32,
}

impl LayerCompression {
    /// `level` is 1 to 9 for gzip (default 6), 1 to 19 for Zstandard (default 3); without meaning for no compression.
    pub fn new(kind: Compression, level: Option<i32>) -> Result<Self, LevelError> {
        let (first, default, last) = match kind {
            Compression::None => (i32::MIN, 0, i32::MAX),
            Compression::Gzip => (1, 6, 9),
            Compression::Zstd => (1, 3, 19),
        };
        let level = level.unwrap_or(default);
        if (first..=last).contains(&level) {
            return Ok(Self { kind, level });
        }
        Err(LevelError {
            kind,
            level,
            first,
            last,
        })
    }

    /// Which compression.
    pub fn kind(self) -> Compression {
        self.kind
    }

    /// Uncompressed bytes of a block.
    pub(super) fn block(self) -> usize {
        match self.kind {
            Compression::Zstd => ZSTD_BLOCK,
            _ => GZIP_BLOCK,
        }
    }

    /// How many bytes before a block it wants to see.
    pub(super) fn window(self) -> usize {
        match self.kind {
            Compression::Gzip => WINDOW,
            _ => 0,
        }
    }

    /// What stands before the first block.
    pub(super) fn header(self) -> &'static [u8] {
        match self.kind {
            // No name, no time, an unknown system.
            Compression::Gzip => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
            _ => &[],
        }
    }

    /// What stands after the last block of all these bytes.
    pub(super) fn trailer(self, crc: &Crc) -> Vec<u8> {
        match self.kind {
            Compression::Gzip => [crc.sum().to_le_bytes(), crc.amount().to_le_bytes()].concat(),
            _ => Vec::new(),
        }
    }

    /// Compresses one block; `before` is what the window holds of the bytes before it.
    pub(super) fn compress(self, before: &[u8], block: &[u8], last: bool) -> io::Result<Vec<u8>> {
        match self.kind {
            Compression::None => Ok(block.to_vec()),
            Compression::Gzip => deflate(self.level, before, block, last),
            Compression::Zstd => zstd::bulk::compress(block, self.level),
        }
    }
}

fn deflate(level: i32, before: &[u8], block: &[u8], last: bool) -> io::Result<Vec<u8>> {
    let mut deflate = Compress::new(flate2::Compression::new(level.unsigned_abs()), false);
    if !before.is_empty() {
        deflate.set_dictionary(before).map_err(io::Error::other)?;
    }
    let flush = match last {
        true => FlushCompress::Finish,
        false => FlushCompress::Sync,
    };
    let mut out = Vec::with_capacity(block.len() / 2 + 1024);
    loop {
        let taken = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let status = deflate
            .compress_vec(&block[taken..], &mut out, flush)
            .map_err(io::Error::other)?;
        // Room that is left over means that everything is flushed.
        let done = match last {
            true => status == Status::StreamEnd,
            false => out.len() < out.capacity(),
        };
        if done {
            return Ok(out);
        }
        out.reserve(64 << 10);
    }
}
