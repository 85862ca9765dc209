//! [`suggest`]: the location for a file or folder that was given without a transport.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::layout_dir::LayoutDir;
use super::tar_file::TarFile;
use crate::rootfs::tar::Compression;
use crate::transport::control::Control;
use crate::transport::select::ImageDocuments;

/// The location of the image in the file or folder `text`, which was given without a transport; `None` if
/// there is none. Looks inside: blocks for as long as the headers of an archive take to read.
pub fn suggest(text: &str) -> Option<String> {
    // The part after a colon would be taken for the name of an image in it.
    if text.contains(':') {
        return None;
    }
    let path = Path::new(text);
    // Only files and folders are opened: a pipe would block.
    let meta = fs::metadata(path).ok()?;
    if meta.is_dir() {
        let dir = LayoutDir::open(path).ok()?;
        return has(&dir, "index.json").then(|| format!("oci:{text}"));
    }
    if !meta.is_file() {
        return None;
    }
    let archive = archive(path)?;
    Some(format!("{archive}:{text}"))
}

/// The transport of an archive.
fn archive(path: &Path) -> Option<&'static str> {
    let file = File::open(path).ok()?;
    let mut head = Vec::new();
    (&file)
        .take(Compression::HEAD as u64)
        .read_to_end(&mut head)
        .ok()?;
    match Compression::detect(&head).ok()? {
        Compression::None => {}
        // Its form shows only once it is decompressed; either transport reads both.
        Compression::Gzip | Compression::Zstd => return Some("docker-archive"),
    }
    let tar = TarFile::scan(file, &Control::none()).ok()?;
    if has(&tar, "manifest.json") {
        Some("docker-archive")
    } else if has(&tar, "index.json") {
        Some("oci-archive")
    } else {
        None
    }
}

fn has(documents: &dyn ImageDocuments, name: &str) -> bool {
    matches!(documents.document(&name.into()), Ok(Some(_)))
}
