//! [`ImageDocuments`]: the JSON documents of a layout or an archive, by path.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::error::LayoutError;
use crate::image::Digest;
use crate::rootfs::{ImagePath, shown};

/// Documents by path. A path comes from other documents: it is a key and never a path on this host.
pub(crate) trait ImageDocuments {
    /// The document at `path`, following links; `None` if there is none. Its length is limited to
    /// [`MAX_DOCUMENT`](crate::image::MAX_DOCUMENT).
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError>;
}

/// The path of a blob in a layout.
pub(crate) fn blob_path(digest: Digest) -> ImagePath {
    ImagePath::new(format!("blobs/sha256/{}", digest.to_hex()))
}

/// The name of a document in messages, without control characters.
pub(crate) fn display(path: &ImagePath) -> String {
    shown(path.relative())
}

/// Checks a document whose name is its digest (`HEX` in a layout, `HEX.json` from `docker save`). Returns the digest of
/// the bytes, whatever the name.
pub(crate) fn check_digest(path: &ImagePath, bytes: &[u8]) -> Result<Digest, LayoutError> {
    let found = Digest::of(bytes);
    let name = path.file_name();
    let name = name.strip_suffix(b".json").unwrap_or(name);
    let is_digest = name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit);
    if is_digest && name != found.to_hex().as_bytes() {
        return Err(LayoutError::Digest {
            member: display(path),
            found,
        });
    }
    Ok(found)
}

pub(crate) fn missing(path: &ImagePath, wanted_by: &ImagePath) -> LayoutError {
    LayoutError::Missing {
        member: display(path),
        wanted_by: display(wanted_by),
    }
}

pub(crate) fn parse<T: DeserializeOwned>(path: &ImagePath, bytes: &[u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(bytes).map_err(|source| LayoutError::Json {
        member: display(path),
        source,
    })
}
