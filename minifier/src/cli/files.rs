//! Files of results: written beside their place and renamed, so that a half-written one never exists.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file whole. What is no file (a pipe, `/dev/stdout`) is written to directly.
pub(crate) fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    if file.metadata().is_ok_and(|meta| !meta.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(file)?
            .write_all(text.as_bytes());
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(file)?;
    Ok(())
}
