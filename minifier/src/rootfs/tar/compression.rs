//! Compression of layers and archives, recognised by their first bytes, undone as a stream.

use std::fmt;
use std::io::{self, BufRead, Read};

/// How a layer or an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain bytes, without any compression.
    None,
    /// gzip (RFC 1952), of one or several members.
    Gzip,
    /// Zstandard (RFC 8878), of one or several frames.
    Zstd,
}

/// A compression that images do not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("decompress: {0} is not supported, only gzip and zstd are")]
pub struct CompressionError(&'static str);

impl Compression {
    /// How many first bytes [`Self::detect`] wants to see.
    pub const HEAD: usize = 6;

    /// Looks at the first bytes; fewer than [`Self::HEAD`] are enough if there are no more.
    pub fn detect(head: &[u8]) -> Result<Self, CompressionError> {
        match head {
            [0x1f, 0x8b, ..] => Ok(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Ok(Self::Zstd),
            // A skippable frame (RFC 8878, section 3.1.2), which zstd:chunked puts first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Self::Zstd),
            [b'B', b'Z', b'h', ..] => Err(CompressionError("bzip2")),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Err(CompressionError("xz")),
            _ => Ok(Self::None),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

/// The bytes of `reader` decompressed. Several gzip members or zstd frames in a row are read as one.
pub fn decompress<'a, R: BufRead + Send + 'a>(
    reader: R,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        // RFC 1952 allows several members in a row; parallel compressors, ours too, write many.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
    })
}
