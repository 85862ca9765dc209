//! [`TransportError`]: the reason why an image cannot be read from, or written to, a location.

use std::io;

use super::archive::ArchiveError;
#[cfg(feature = "engines")]
use super::docker::InPlaceError;
use super::limits::TooBig;
#[cfg(not(all(feature = "engines", feature = "registry")))]
use super::location::Location;
use super::location::LocationError;
#[cfg(feature = "registry")]
use super::registry::RegistryError;
use super::select::LayoutError;
use super::write::WriteError;
use crate::image::{ConfigError, DiffId, Digest, ImageReference, PlatformError, ReferenceError};
use crate::rootfs::tar::TarError;

/// The reason why an image cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nothing answers at the endpoint.
    #[error("connect to the Docker daemon at {endpoint}: {what}")]
    DaemonAbsent {
        /// The endpoint's URL.
        endpoint: String,
        /// The connection's error.
        what: String,
    },
    /// This user may not open the socket.
    #[error("connect to the Docker daemon at {endpoint}: permission denied")]
    PermissionDenied {
        /// The endpoint's URL.
        endpoint: String,
    },
    /// Podman's socket does not exist.
    #[error("connect to Podman: there is no socket at {sockets}")]
    PodmanAbsent {
        /// The paths that were tried.
        sockets: String,
    },
    /// The endpoint itself is invalid: an unknown scheme, a missing context, a certificate that cannot be read.
    #[error("use the Docker endpoint {endpoint}: {what}")]
    Endpoint {
        /// The endpoint's URL, or the context's name.
        endpoint: String,
        /// The fault in it.
        what: String,
    },
    /// The daemon has no such image.
    #[error("find image {reference}: the Docker daemon has no such image")]
    ImageNotFound {
        /// The requested image.
        reference: String,
    },
    /// The image is for another platform.
    #[error("read image {reference}: it is for {found}, not for {wanted}")]
    Platform {
        /// The requested image.
        reference: String,
        /// The requested platform.
        wanted: String,
        /// The image's platform.
        found: String,
    },
    /// The reference is malformed.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The platform is malformed.
    #[error(transparent)]
    PlatformText(#[from] PlatformError),
    /// The daemon answered with an error, or the connection broke.
    #[cfg(feature = "engines")]
    #[error("{doing}: {what}")]
    Api {
        /// The request to the daemon, as a fragment such as `inspect image app`.
        doing: String,
        /// The answer, in the daemon's words if it gave any.
        what: String,
        /// The client's error.
        source: Box<bollard::errors::Error>,
    },
    /// The daemon's answer is incomplete or makes no sense.
    #[error("{doing}: the Docker daemon answered {what}")]
    Answer {
        /// The request to the daemon.
        doing: String,
        /// The fault in the answer.
        what: String,
    },
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A registry cannot be read from or written to.
    #[cfg(feature = "registry")]
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image's config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading in place was requested but is not possible.
    #[cfg(feature = "engines")]
    #[error("read image {reference} in place: {source}")]
    InPlace {
        /// The requested image.
        reference: String,
        /// The reason.
        source: InPlaceError,
    },
    /// A local file or pipe failed.
    #[error("{doing}: {source}")]
    Io {
        /// The operation.
        doing: String,
        /// The system's error.
        source: io::Error,
    },
    /// The location is malformed.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// An image cannot be read from, or written to, this location.
    #[error("{doing} {location}: {what}")]
    Unsupported {
        /// `read` or `write`.
        doing: &'static str,
        /// The location.
        location: String,
        /// The reason.
        what: String,
    },
    /// A file or folder cannot be opened or read.
    #[error("read {location}: {source}")]
    Read {
        /// The location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
    /// An archive has a compression that images do not use, or its compression is broken.
    #[error("read {location}: {source}")]
    Compression {
        /// The location.
        location: String,
        /// The cause.
        source: io::Error,
    },
    /// Something other than the expected file or folder was found.
    #[error("read {location}: {what}")]
    WrongKind {
        /// The location.
        location: String,
        /// The kind that was found.
        what: &'static str,
    },
    /// An archive is not a complete tar file.
    #[error("read {location}: {source}")]
    Tar {
        /// The location.
        location: String,
        /// The cause.
        source: TarError,
    },
    /// No image can be chosen from those that are stored there.
    #[error("read {location}: {source}")]
    Layout {
        /// The location.
        location: String,
        /// The cause.
        source: Box<LayoutError>,
    },
    /// A layer cannot be read: its blob does not match its descriptor, its compression is broken or it is too big.
    #[error("read layer {layer} of {location}: {source}")]
    Layer {
        /// Digest of the layer.
        layer: Digest,
        /// The location.
        location: String,
        /// The cause.
        source: io::Error,
    },
    /// A layer is not a tar file.
    #[error("read layer {layer} of {location}: {source}")]
    LayerTar {
        /// Digest of the layer.
        layer: Digest,
        /// The location.
        location: String,
        /// The cause.
        source: TarError,
    },
    /// A layer's bytes do not match the config.
    #[error("read layer {layer} of {location}: its diff ID is {found}, the config says {expected}")]
    DiffId {
        /// Digest of the layer.
        layer: Digest,
        /// The location.
        location: String,
        /// The config's diff ID.
        expected: DiffId,
        /// The diff ID of the bytes.
        found: DiffId,
    },
    /// A temporary file cannot be written.
    #[error("write a temporary file in {folder}: {source}")]
    Scratch {
        /// The folder.
        folder: String,
        /// The system's error.
        source: io::Error,
    },
    /// The image cannot be written to the location.
    #[error("write {location}: {source}")]
    Write {
        /// The location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
    /// An archive cannot be written.
    #[error(transparent)]
    WriteArchive(#[from] WriteError),
    /// The work was cancelled.
    #[error("{doing} {location}: cancelled")]
    Cancelled {
        /// `read` or `write`.
        doing: &'static str,
        /// The location.
        location: String,
    },
    /// The daemon received the whole archive, but the program stopped waiting for its answer.
    #[error(
        "load {name} into the Docker daemon: cancelled; it has received the whole image and may still store it"
    )]
    Unanswered {
        /// The name that the image would have.
        name: String,
    },
    /// The daemon accepted the archive, but a tag points to another image.
    #[error("load the image: {tag} points to {found}, expected {expected}")]
    WrongImage {
        /// The tag.
        tag: String,
        /// The ID that the tag should point to.
        expected: String,
        /// The ID that the tag points to.
        found: String,
    },
}

impl TransportError {
    /// The error for a location whose transport this build lacks. `doing` is `read` or `write`.
    #[cfg(not(all(feature = "engines", feature = "registry")))]
    pub(crate) fn left_out(doing: &'static str, location: &Location, feature: &str) -> Self {
        Self::Unsupported {
            doing,
            location: location.to_string(),
            what: format!("minify was built without the feature {feature:?}"),
        }
    }

    /// Whether nothing answers at the daemon's endpoint.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::DaemonAbsent { .. })
    }

    /// A sentence that says what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            #[cfg(feature = "registry")]
            Self::Registry(error) => error.hint(),
            Self::DaemonAbsent { .. } => Some(
                "start the daemon, or choose another one with DOCKER_HOST or a Docker context"
                    .into(),
            ),
            Self::PermissionDenied { .. } => {
                Some("run minify as root, or as a member of the group that owns the socket".into())
            }
            Self::ImageNotFound { reference } if is_id(reference) => {
                Some("list the images with `docker images --no-trunc`".into())
            }
            Self::ImageNotFound { reference } => Some(format!(
                "list the images with `docker images`, or get this one with `docker pull {reference}`"
            )),
            Self::Platform {
                reference, wanted, ..
            } => Some(format!(
                "get it with `docker pull --platform {wanted} {reference}`, or leave out --platform"
            )),
            Self::PodmanAbsent { .. } => Some(
                "start it with `systemctl start podman.socket` (rootless: `systemctl --user start \
                 podman.socket`) or with `podman system service`, or choose another socket with CONTAINER_HOST"
                    .into(),
            ),
            Self::Location(error) => Some(error.hint().to_owned()),
            Self::Layout { source, .. } => source.hint().map(str::to_owned),
            Self::Layer { source, .. } | Self::Compression { source, .. }
                if is_too_big(source) =>
            {
                Some(TRUSTED.into())
            }
            Self::WrongKind { .. } => Some(
                "use oci:DIR for a folder, and docker-archive:FILE or oci-archive:FILE for a file"
                    .into(),
            ),
            Self::LayerTar {
                source: TarError::TooManyEntries { .. },
                ..
            } => Some(TRUSTED.into()),
            Self::Scratch { .. } => Some("choose another folder for temporary files with TMPDIR".into()),
            _ => None,
        }
    }
}

/// Hint for a limit that refuses a harmless image.
pub(crate) const TRUSTED: &str =
    "if you trust the image, raise the limit with --max-uncompressed SIZE";

fn is_too_big(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<TooBig>().is_some())
}

/// Whether the text is a full ID; a short one looks like a name.
fn is_id(reference: &str) -> bool {
    let reference: Result<ImageReference, _> = reference.parse();
    reference.is_ok_and(|reference| reference.id().is_some())
}
