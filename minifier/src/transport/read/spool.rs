//! Archives that cannot be sought, or are compressed as a whole, on their way to an unnamed temporary file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

use super::options::OpenOptions;
use crate::rootfs::tar::{Compression, decompress};
use crate::transport::control::Watched;
use crate::transport::error::TransportError;
use crate::transport::limits::LayerBudget;

/// Size of the reads and writes.
const CHUNK: usize = 256 << 10;

/// A file that is an uncompressed tar: `file` itself, or its contents, decompressed.
pub(crate) fn seekable(
    file: File,
    location: &str,
    options: &OpenOptions,
) -> Result<File, TransportError> {
    let read_error = |source| TransportError::Read {
        location: location.to_owned(),
        source,
    };
    let meta = file.metadata().map_err(read_error)?;
    // Reading a folder fails with "Is a directory", which would not say which transport to use.
    if meta.is_dir() {
        return Err(TransportError::WrongKind {
            location: location.to_owned(),
            what: "it is a folder",
        });
    }
    let (compressed, compression) = if meta.is_file() {
        let mut head = Vec::new();
        (&file)
            .take(Compression::HEAD as u64)
            .read_to_end(&mut head)
            .map_err(read_error)?;
        let compression = detect(&head, location)?;
        io::Seek::rewind(&mut &file).map_err(read_error)?;
        (meta.len(), Some(compression))
    } else {
        (u64::MAX, None)
    };
    match compression {
        Some(Compression::None) => Ok(file),
        _ => spool(
            BufReader::with_capacity(CHUNK, file),
            compressed,
            location,
            options,
        ),
    }
}

/// Standard input as a file that can be sought.
pub(crate) fn standard_input(options: &OpenOptions) -> Result<File, TransportError> {
    // A copy of the descriptor: Rust's `Stdin` buffers, and bytes in its buffer would be lost.
    let file = io::stdin().as_fd().try_clone_to_owned();
    let file = file.map_err(|source| TransportError::Read {
        location: "-".into(),
        source,
    })?;
    seekable(File::from(file), "-", options)
}

/// Writes the contents of a stream, decompressed, to an unnamed file. `compressed` is the length of the stream, or the
/// greatest number if that is unknown.
pub(crate) fn spool(
    mut stream: impl BufRead + Send,
    compressed: u64,
    location: &str,
    options: &OpenOptions,
) -> Result<File, TransportError> {
    let read_error = |source| TransportError::Read {
        location: location.to_owned(),
        source,
    };
    let scratch_error = |source| scratch_error(&options.scratch, source);
    let mut head = Vec::new();
    stream
        .by_ref()
        .take(Compression::HEAD as u64)
        .read_to_end(&mut head)
        .map_err(read_error)?;
    let compression = detect(&head, location)?;
    let stream = io::Cursor::new(head).chain(stream);
    let plain = decompress(stream, compression).map_err(read_error)?;
    let mut plain = Watched::new(
        LayerBudget::new(options.limits).bound(plain, compressed),
        &options.control,
    );
    let mut file = tempfile::tempfile_in(&options.scratch).map_err(scratch_error)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match plain.read(&mut chunk) {
            Ok(0) => return Ok(file),
            Ok(n) => file.write_all(&chunk[..n]).map_err(scratch_error)?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // An error of the system has a number; all others are about the bytes.
            Err(e) if e.raw_os_error().is_some() => return Err(read_error(e)),
            Err(e) => return Err(compression_error(location, e)),
        }
    }
}

fn detect(head: &[u8], location: &str) -> Result<Compression, TransportError> {
    let compression = Compression::detect(head);
    compression.map_err(|error| compression_error(location, io::Error::other(error)))
}

fn compression_error(location: &str, source: io::Error) -> TransportError {
    TransportError::Compression {
        location: location.to_owned(),
        source,
    }
}

pub(crate) fn scratch_error(folder: &Path, source: io::Error) -> TransportError {
    TransportError::Scratch {
        folder: folder.display().to_string(),
        source,
    }
}
