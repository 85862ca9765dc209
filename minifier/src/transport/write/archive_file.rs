//! Writes an archive to a file that is either there completely or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::archive::{ArchiveInfo, ArchiveWatch, write_archive};
use super::error::WriteError;
use super::unfinished;
use crate::image::{Bundle, TaggedName};
use crate::transport::error::TransportError;

/// [`write_archive`] into the file `path`: written beside it under another name, synced, then renamed, so that an
/// error, a full disk or a cancellation leaves what was at `path` before, and nothing else. A link is followed.
/// Anything that is neither a file nor a folder (a pipe, `/dev/stdout`) is written to directly.
pub fn write_archive_file(
    bundle: &Bundle,
    tags: &[TaggedName],
    mtime: u64,
    path: &Path,
    watch: ArchiveWatch<'_>,
) -> Result<ArchiveInfo, TransportError> {
    write_file(path, |out| write_archive(bundle, tags, mtime, out, watch))
}

/// The file `path` with what `write` writes, all of it or not at all.
pub(crate) fn write_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, TransportError>,
) -> Result<T, TransportError> {
    let file_error = |source| {
        TransportError::from(WriteError::File {
            path: path.to_owned(),
            source,
        })
    };
    let named = |error| match error {
        TransportError::WriteArchive(WriteError::Write(source)) => file_error(source),
        other => other,
    };
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            return Err(file_error(io::ErrorKind::IsADirectory.into()));
        }
        // Renaming over /dev/stdout or /dev/null would replace the device for the whole machine.
        Ok(meta) if !meta.is_file() => {
            let out = OpenOptions::new().write(true).open(path);
            return write(&mut out.map_err(file_error)?).map_err(named);
        }
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(file_error(e)),
    }
    let path = link_end(path).map_err(file_error)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // In the same folder, since a rename cannot cross file systems.
    unfinished::sweep(folder);
    let temporary = unfinished::make(folder).map_err(file_error)?;
    let mut out = BufWriter::with_capacity(256 * 1024, temporary);
    let info = write(&mut out).map_err(named)?;
    let temporary = out.into_inner().map_err(|e| file_error(e.into_error()))?;
    // Before the rename, which says nothing about data: after a crash the new name could be that of an empty file.
    temporary.as_file().sync_all().map_err(file_error)?;
    temporary.persist(&path).map_err(|e| file_error(e.error))?;
    // The name is durable only when the folder is.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error)?;
    Ok(info)
}

/// Where a chain of links ends, so that renaming does not replace the link; also if nothing is there yet.
fn link_end(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    // As many links as the kernel follows in a path (MAXSYMLINKS).
    for _ in 0..40 {
        match fs::read_link(&at) {
            Ok(target) => at = at.parent().unwrap_or(Path::new("")).join(target),
            // Not a link, or not there: the name to be written.
            Err(_) => return Ok(at),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}
