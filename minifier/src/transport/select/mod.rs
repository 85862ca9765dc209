//! The choice of an image: among all documents of an OCI layout or docker-archive ([`Select`]), or below one document
//! of a registry (`Nearest`). Every reader of stored images chooses here.

mod choose;
mod documents;
mod error;
mod images;
#[cfg(feature = "registry")]
mod nearest;

pub use choose::{Select, WantedImage};
pub(crate) use documents::{ImageDocuments, blob_path, display};
pub use error::LayoutError;
pub(crate) use images::Choice;
pub(crate) use images::check_layers;
#[cfg(feature = "registry")]
pub(crate) use nearest::{DocumentSource, FetchedDocument, Nearest, Unusable};
