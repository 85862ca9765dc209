//! Compression in blocks of a fixed size, each by itself, so that the bytes depend neither on the number of threads
//! nor on their speed.
//!
//! Gzip: one member per block, by libdeflate, which takes half the time of zlib's relatives. Zstandard: one frame per
//! block.
//!
//! Source: RFC 1952 (2.2: a file is a series of members), RFC 8878.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use crate::rootfs::tar::Compression;

/// Uncompressed bytes of a gzip member. Deflate looks back 32 KiB at most, so little is lost where members meet.
const GZIP_BLOCK: usize = 1 << 20;

/// Uncompressed bytes of a frame of Zstandard.
const ZSTD_BLOCK: usize = 4 << 20;

/// How to compress layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerCompression {
    kind: Compression,
    level: i32,
}

/// A level that the compression does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("compress with {kind} at level {level}: its levels are {first} to {last}")]
pub struct LevelError {
    kind: Compression,
    level: i32,
    first: i32,
    last: i32,
}

impl LayerCompression {
    /// No compression.
    pub const NONE: Self = Self {
        kind: Compression::None,
        level: 0,
    };

    /// Gzip at its default level, 6.
    pub const GZIP: Self = Self {
        kind: Compression::Gzip,
        level: 6,
    };

    /// Gzip in a third of the time, about as small as other tools write by default.
    pub const QUICK_GZIP: Self = Self {
        kind: Compression::Gzip,
        level: 1,
    };

    /// `level` is 1 to 9 for gzip (default 6) and 1 to 19 for Zstandard (default 3); ignored without compression.
    pub fn new(kind: Compression, level: Option<i32>) -> Result<Self, LevelError> {
        let (first, default, last) = match kind {
            Compression::None => return Ok(Self::NONE),
            Compression::Gzip => (1, Self::GZIP.level, 9),
            // Levels 20 to 22 (`--ultra`) gain by windows longer than our blocks, and take far more memory.
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

    /// The format, without the level.
    pub fn kind(self) -> Compression {
        self.kind
    }

    /// Uncompressed bytes of a block.
    pub(crate) fn block(self) -> usize {
        match self.kind {
            Compression::Zstd => ZSTD_BLOCK,
            _ => GZIP_BLOCK,
        }
    }

    /// Compresses one block.
    pub(crate) fn compress(self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self.kind {
            Compression::None => Ok(block.to_vec()),
            Compression::Gzip => gzip(self.level, block),
            Compression::Zstd => zstd::bulk::compress(block, self.level),
        }
    }
}

fn gzip(level: i32, block: &[u8]) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(level)
        .map_err(|_| io::Error::other(format!("libdeflate has no level {level}")))?;
    // A new one for each block: nothing of the block before may leak into the bytes of this one.
    let mut compressor = Compressor::new(level);
    let mut out = vec![0; compressor.gzip_compress_bound(block.len())];
    let len = compressor
        .gzip_compress(block, &mut out)
        .map_err(io::Error::other)?;
    out.truncate(len);
    Ok(out)
}
