//! Reading and writing images wherever they are stored: OCI layouts and archives in files on this host, the Docker
//! daemon, Podman, registries.
//!
//! [`open_image`] returns a [`StoredImage`] from any [`Location`], and [`write_image`] writes one to any. The rebuild
//! needs a [`Source`]: the image, the entries of each of its layers, and a store for the contents of files. The daemon
//! provides one directly; [`open_source`] makes one from a stored image. The rebuild returns a
//! [`Bundle`](crate::image::Bundle), which [`bundle_to_stored`] turns into a stored image.

mod archive;
#[cfg(any(feature = "engines", feature = "registry"))]
mod body;
mod check;
mod control;
#[cfg(feature = "engines")]
mod docker;
mod error;
mod layers;
mod limits;
mod location;
mod parallel;
mod read;
pub mod registry;
mod select;
mod source;
mod stored;
mod write;

pub use archive::{ArchiveError, ArchiveImage, read_archive};
#[cfg(any(feature = "engines", feature = "registry"))]
pub use body::ArchiveBody;
pub use check::{Mismatch, Validation, check_archive, validate};
pub(crate) use control::Stoppable;
pub use control::{ByteProgress, Control};
#[cfg(feature = "engines")]
pub use docker::{
    Daemon, DaemonInfo, Endpoint, EndpointOrigin, Environment, InPlaceError, Inspected,
    LoadedImage, ReadMode, ReadRequest, TlsFiles,
};
pub(crate) use error::TRUSTED;
pub use error::TransportError;
pub(crate) use layers::LayerReader;
pub(crate) use limits::LayerBudget;
pub use limits::{Limits, TooBig};
pub use location::{Location, LocationError, OciImage, Place};
pub(crate) use parallel::{for_each, processors};
pub use read::{OpenOptions, open_image, open_source, suggest};
pub use select::{LayoutError, Select, WantedImage};
pub use source::{ReadHow, Source};
pub use stored::{BlobMismatch, BlobStore, StoredImage, VerifiedReader};
pub use write::{
    ArchiveInfo, ArchiveWatch, LayerCompression, LevelError, WriteError, WriteOptions, Written,
    bundle_to_stored, kept_annotations, write_archive, write_archive_file, write_image,
};
