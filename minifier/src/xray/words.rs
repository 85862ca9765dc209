//! Numbers in sentences about an image.

use bytesize::ByteSize;

/// Bytes as people read them, in units of ten: `21.4 MB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}
