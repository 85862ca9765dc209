//! [`ImageDocuments`]: the JSON documents of a layout or an archive by their path.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::error::LayoutError;
use crate::image::Digest;
use crate::rootfs::{ImagePath, shown};

/// Documents by path. A path comes out of other documents: it is a key, and no path of this host.
pub(crate) trait ImageDocuments {
    /// The document at `path`, links followed; `None` if there is none. Not longer than
    /// [`MAX_DOCUMENT`](crate::image::MAX_DOCUMENT).
    fn document(&self, path: &ImagePath) -> Result<Option<Cow<'_, [u8]>>, LayoutError>;
}

/// Where the blob of a digest is.
pub(crate) fn blob_path(digest: Digest) -> ImagePath {
    ImagePath::new(format!("blobs/sha256/{}", digest.to_hex()))
}

/// How a document is named in messages.
pub(crate) fn display(path: &ImagePath) -> String {
    shown(path.relative())
}

/// Checks a document that is named by its digest, with or without `.json`; gives the digest of any other.
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
