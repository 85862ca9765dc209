//! Reading images as they are stored: OCI layouts in folders, and archives in files that can be sought; everything else
//! is spooled to such a file first. Blobs are read later, and only those that are needed.

mod blobs;
mod documented;
#[cfg(feature = "engines")]
mod exported;
mod image;
mod layout_dir;
mod open;
mod options;
mod source;
mod spool;
mod suggest;
mod tar_file;

pub(crate) use blobs::{FileBlobs, SharedRange};
pub(crate) use documented::{Documented, documents};
pub(crate) use image::layer_type;
pub(crate) use layout_dir::LayoutDir;
pub use open::open_image;
pub use options::OpenOptions;
pub use source::open_source;
pub(crate) use spool::scratch_error;
pub use suggest::suggest;
