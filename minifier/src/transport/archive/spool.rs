//! One layer of an archive on its way to a temporary file: decompressed, hashed, indexed and written in one pass.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use crate::image::{DiffId, Sha256};
use crate::rootfs::IndexBudget;
use crate::rootfs::tar::{IndexedLayer, StreamInput, TarError, TarReader, index_layer};

/// Size of the pieces that are read, hashed and written.
const CHUNK: usize = 256 << 10;

/// A layer's uncompressed tar in an unnamed temporary file, which vanishes when it is dropped.
#[derive(Debug)]
pub(crate) struct SpooledLayer {
    pub(crate) file: File,
    pub(crate) diff_id: DiffId,
    pub(crate) bytes: u64,
    pub(crate) layer: IndexedLayer,
}

/// The reason why a member was not spooled.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// It is not a layer, or a broken one. That matters only if an image needs it.
    Layer(TarError),
    /// Its compression is broken.
    Compression(io::Error),
    /// The temporary file cannot be written.
    Scratch(io::Error),
}

/// Spools an uncompressed layer below the folder `scratch`. What its reader says is an error of the compression.
/// `budget` is what the entries of all layers may take.
pub(crate) fn spool(
    source: impl Read,
    scratch: &Path,
    budget: &IndexBudget,
) -> Result<SpooledLayer, SpoolError> {
    let mut tee = Tee {
        source,
        hash: Sha256::default(),
        file: tempfile::tempfile_in(scratch).map_err(SpoolError::Scratch)?,
        bytes: 0,
        failure: None,
    };
    let layer = index_all(&mut tee, budget);
    // First: the tar reader saw the same failure, but as an error of the tar.
    if let Some(failure) = tee.failure {
        return Err(failure);
    }
    Ok(SpooledLayer {
        layer: layer.map_err(SpoolError::Layer)?,
        file: tee.file,
        diff_id: DiffId::from_bytes(tee.hash.finish()),
        bytes: tee.bytes,
    })
}

/// Indexes a layer and reads on to its very end: what follows the end mark counts for the diff ID.
fn index_all(tee: &mut Tee<impl Read>, budget: &IndexBudget) -> Result<IndexedLayer, TarError> {
    let mut reader = TarReader::new(StreamInput::new(BufReader::with_capacity(CHUNK, tee)));
    let layer = index_layer(&mut reader, 0, budget)?;
    let mut input = reader.into_input();
    crate::rootfs::tar::TarInput::skip_body(&mut input, u64::MAX)
        .map_err(|source| TarError::Io { offset: 0, source })?;
    Ok(layer)
}

/// Hashes and writes what is read through it.
struct Tee<R> {
    source: R,
    hash: Sha256,
    file: File,
    bytes: u64,
    failure: Option<SpoolError>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let stop = || io::Error::other("stopped");
        if self.failure.is_some() {
            return Err(stop());
        }
        let n = match self.source.read(buf) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
            Err(e) => {
                self.failure = Some(SpoolError::Compression(e));
                return Err(stop());
            }
        };
        self.hash.update(&buf[..n]);
        if let Err(e) = self.file.write_all(&buf[..n]) {
            self.failure = Some(SpoolError::Scratch(e));
            return Err(stop());
        }
        self.bytes += n as u64;
        Ok(n)
    }
}
