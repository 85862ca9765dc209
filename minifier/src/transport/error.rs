//! [`TransportError`]: why an image cannot be read from where it is, or written to where it shall be.

use std::error::Error;
use std::io;

use super::archive::ArchiveError;
use super::limits::TooBig;
use super::location::LocationError;
use super::overlay2::InPlaceError;
use super::registry::RegistryError;
use super::select::LayoutError;
use super::write::WriteError;
use crate::image::{ConfigError, DiffId, Digest, ImageReference, PlatformError, ReferenceError};
use crate::rootfs::tar::TarError;

/// Why an image cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nobody answers at the endpoint.
    #[error("connect to the Docker daemon at {endpoint}: {what}")]
    DaemonAbsent {
        /// The endpoint's URL.
        endpoint: String,
        /// What the connection said.
        what: String,
    },
    /// The socket may not be opened by this user.
    #[error("connect to the Docker daemon at {endpoint}: permission denied")]
    PermissionDenied {
        /// The endpoint's URL.
        endpoint: String,
    },
    /// Podman's socket is not there.
    #[error("connect to Podman: there is no socket at {sockets}")]
    PodmanAbsent {
        /// Where it was looked for.
        sockets: String,
    },
    /// The endpoint itself is wrong: an unknown scheme, a missing context, a certificate that cannot be read.
    #[error("use the Docker endpoint {endpoint}: {what}")]
    Endpoint {
        /// The endpoint's URL, or the context's name.
        endpoint: String,
        /// What is wrong.
        what: String,
    },
    /// The daemon has no such image.
    #[error("find image {reference}: the Docker daemon has no such image")]
    ImageNotFound {
        /// What was asked for.
        reference: String,
    },
    /// The image is for another platform.
    #[error("read image {reference}: it is for {found}, not for {wanted}")]
    Platform {
        /// What was asked for.
        reference: String,
        /// The platform that was asked for.
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
    #[error("{doing}: {what}")]
    Api {
        /// What was asked of the daemon, a fragment such as `inspect image app`.
        doing: String,
        /// What came back, in the daemon's words where it has some.
        what: String,
        /// The same as the client has it.
        source: Box<bollard::errors::Error>,
    },
    /// The daemon's answer lacks something or makes no sense.
    #[error("{doing}: the Docker daemon answered {what}")]
    Answer {
        /// What was asked of the daemon.
        doing: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A registry cannot be read from or written to.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image's config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading in place was asked for and is not possible.
    #[error("read image {reference} in place: {source}")]
    InPlace {
        /// What was asked for.
        reference: String,
        /// Why not.
        source: InPlaceError,
    },
    /// A local file or pipe failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// The location is malformed.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A location that an image cannot be read from or written to.
    #[error("{doing} {location}: {what}")]
    Unsupported {
        /// `read` or `write`.
        doing: &'static str,
        /// What was asked for.
        location: String,
        /// Why not.
        what: String,
    },
    /// A file or folder cannot be opened or read.
    #[error("read {location}: {source}")]
    Read {
        /// What was asked for.
        location: String,
        /// What the system said.
        source: io::Error,
    },
    /// An archive is compressed in a way that images are not, or its compression is broken.
    #[error("read {location}: {source}")]
    Compression {
        /// What was asked for.
        location: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Something else than a file, or than a folder, is where one should be.
    #[error("read {location}: {what}")]
    WrongKind {
        /// What was asked for.
        location: String,
        /// The kind that was found in its place.
        what: &'static str,
    },
    /// An archive is no complete tar.
    #[error("read {location}: {source}")]
    Tar {
        /// What was asked for.
        location: String,
        /// What is wrong with it.
        source: TarError,
    },
    /// No image can be chosen among what is stored there.
    #[error("read {location}: {source}")]
    Layout {
        /// What was asked for.
        location: String,
        /// What is wrong with it.
        source: Box<LayoutError>,
    },
    /// A layer cannot be read: its blob is not what its descriptor says, its compression is broken or it is too big.
    #[error("read layer {layer} of {location}: {source}")]
    Layer {
        /// Digest of the layer.
        layer: Digest,
        /// What was asked for.
        location: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A layer is no tar.
    #[error("read layer {layer} of {location}: {source}")]
    LayerTar {
        /// Digest of the layer.
        layer: Digest,
        /// What was asked for.
        location: String,
        /// What is wrong with it.
        source: TarError,
    },
    /// A layer's bytes are not those that the config names.
    #[error("read layer {layer} of {location}: its diff ID is {found}, the config says {expected}")]
    DiffId {
        /// Digest of the layer.
        layer: Digest,
        /// What was asked for.
        location: String,
        /// What the config says.
        expected: DiffId,
        /// What the bytes give.
        found: DiffId,
    },
    /// A temporary file cannot be written.
    #[error("write a temporary file in {folder}: {source}")]
    Scratch {
        /// The folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// The image cannot be written there.
    #[error("write {location}: {source}")]
    Write {
        /// Where.
        location: String,
        /// What the system said.
        source: io::Error,
    },
    /// An archive cannot be written.
    #[error(transparent)]
    WriteArchive(#[from] WriteError),
    /// Somebody said so.
    #[error("{doing} {location}: cancelled")]
    Cancelled {
        /// `read` or `write`.
        doing: &'static str,
        /// The location.
        location: String,
    },
    /// The daemon got the whole archive, and nobody waited any longer for what it makes of it.
    #[error(
        "load {name} into the Docker daemon: cancelled; it has all of the image, and may take it yet"
    )]
    Unanswered {
        /// The name under which the image would be there.
        name: String,
    },
    /// The daemon took the archive, but a tag points elsewhere.
    #[error("load the image: {tag} points to {found}, expected {expected}")]
    WrongImage {
        /// The tag.
        tag: String,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl TransportError {
    /// True where nobody answers at the daemon's endpoint.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::DaemonAbsent { .. })
    }

    /// What the user can do about it, a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::DaemonAbsent { .. } => Some(
                "Start the daemon, or name another one by DOCKER_HOST or by a Docker context."
                    .into(),
            ),
            Self::PermissionDenied { .. } => {
                Some("Run this as root, or as a member of the group that owns the socket.".into())
            }
            Self::ImageNotFound { reference } if is_id(reference) => {
                Some("List the images with \"docker images --no-trunc\".".into())
            }
            Self::ImageNotFound { reference } => Some(format!(
                "List the images with \"docker images\", or get this one with \"docker pull {reference}\"."
            )),
            Self::Platform {
                reference, wanted, ..
            } => Some(format!(
                "Get it with \"docker pull --platform {wanted} {reference}\", or leave out --platform."
            )),
            Self::PodmanAbsent { .. } => Some(
                "Start it with \"systemctl start podman.socket\" (rootless: \"systemctl --user start podman.socket\"), \
                 or with \"podman system service\"; CONTAINER_HOST names another one."
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
                "oci:DIR names a folder; docker-archive:FILE and oci-archive:FILE name an archive in a file."
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

/// What to do where a limit is in the way of an image that is harmless.
pub(crate) const TRUSTED: &str =
    "If the image is trusted, --max-uncompressed SIZE allows for more.";

fn is_too_big(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.downcast_ref::<TooBig>().is_some())
}

/// A full ID; a short one cannot be told from a name.
fn is_id(reference: &str) -> bool {
    let reference: Result<ImageReference, _> = reference.parse();
    reference.is_ok_and(|reference| reference.id().is_some())
}

/// Sorts what bollard says when a connection is made: `endpoint` is the daemon's URL, `doing` the request.
pub(super) fn connection_error(
    endpoint: &str,
    doing: &str,
    error: bollard::errors::Error,
) -> TransportError {
    use bollard::errors::Error as Api;
    let endpoint = endpoint.to_owned();
    let kind = io_kind(&error);
    let no_connection = match &error {
        Api::HyperLegacyError { err } => err.is_connect(),
        error => matches!(
            error,
            Api::SocketNotFoundError(_) | Api::RequestTimeoutError
        ),
    };
    match (no_connection, kind) {
        (true, Some(io::ErrorKind::PermissionDenied)) => {
            TransportError::PermissionDenied { endpoint }
        }
        // What rustls says comes as an error of this kind.
        (true, Some(io::ErrorKind::InvalidData)) => TransportError::Endpoint {
            endpoint,
            what: format!("make a TLS connection: {}", words(&error)),
        },
        (true, _) => TransportError::DaemonAbsent {
            endpoint,
            what: match error {
                Api::SocketNotFoundError(_) => "there is no such socket".into(),
                error => words(&error),
            },
        },
        (false, _) => api_error(doing, error),
    }
}

/// An answer that is an error.
pub(super) fn api_error(doing: impl Into<String>, error: bollard::errors::Error) -> TransportError {
    TransportError::Api {
        doing: doing.into(),
        what: words(&error),
        source: Box::new(error),
    }
}

/// What went wrong, without the client's own layers around it.
pub(super) fn words(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error as Api;
    match error {
        Api::DockerResponseServerError {
            status_code,
            message,
        } => format!("{} (HTTP status {status_code})", message.trim()),
        Api::DockerStreamError { error } => error.trim().to_owned(),
        Api::RequestTimeoutError => "the Docker daemon did not answer in time".into(),
        error => innermost(error),
    }
}

/// Kind of the input/output error at the bottom of a chain.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let below = error.source().and_then(io_kind);
    let own = || {
        // One that wraps another is passed over by `source`.
        let outer = error.downcast_ref::<io::Error>()?;
        let inner = outer.get_ref().and_then(|inner| io_kind(inner));
        Some(inner.unwrap_or_else(|| outer.kind()))
    };
    below.or_else(own)
}

/// The text of the last error of a chain: the outer ones only say that there is another one.
fn innermost(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
