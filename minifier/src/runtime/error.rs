//! [`RuntimeError`]: the reason why a container cannot be run.

use crate::rootfs::{ImagePath, MergeError};
use crate::runtime::destination::DestinationError;

/// Why a container cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The daemon refused a request or did not answer.
    #[cfg(feature = "engines")]
    #[error("{action}: {source}")]
    Daemon {
        /// The request, as a verb with its object.
        action: String,
        /// The daemon's answer, or why there is none.
        source: Box<bollard::errors::Error>,
    },
    /// The daemon does not have the image.
    #[error("find image {0:?} in the Docker daemon")]
    NoImage(String),
    /// The image's command is not in the image.
    #[error("start the container: command {command:?} was not found in the image ({message})")]
    CommandNotFound {
        /// First word of the command.
        command: String,
        /// The runtime's message.
        message: String,
    },
    /// The image's command exists, but cannot be executed.
    #[error("start the container: command {command:?} cannot be executed ({message})")]
    CommandNotExecutable {
        /// First word of the command.
        command: String,
        /// The runtime's message.
        message: String,
    },
    /// The user is not in the image's /etc/passwd.
    #[error("start the container: {0}")]
    NoUser(String),
    /// Any other failure to start.
    #[error("start the container: {0}")]
    Start(String),
    /// A container is started only once.
    #[error("start container {0}: it was started before")]
    StartedBefore(String),
    /// The daemon runs its containers elsewhere.
    #[error("find process {pid} of container {id} on this host")]
    NotLocal {
        /// Id of the container.
        id: String,
        /// Its first process, in the daemon's pid namespace.
        pid: i64,
    },
    /// A command cannot be run inside, because the container has ended.
    #[error("run a command in container {0}: it is not running")]
    NotRunning(String),
    /// The daemon went away while the container ran.
    #[error("watch container {id}: {reason}")]
    Lost {
        /// Id of the container.
        id: String,
        /// Why its end is not known.
        reason: String,
    },
    /// The container does not end, even after SIGKILL.
    #[error("stop container {0}: it is still running ten seconds after it was killed")]
    NotKilled(String),
    /// No OCI runtime is installed.
    #[error("find an OCI runtime: {0}")]
    NoRuntime(String),
    /// An OCI runtime is installed, but does not report its version.
    #[error("use an OCI runtime: {0}")]
    BrokenRuntime(String),
    /// An OCI runtime failed.
    #[error("{action}: {program} says: {message}")]
    Program {
        /// The request, as a verb with its object.
        action: String,
        /// Name of the runtime.
        program: String,
        /// The last error in its log.
        message: String,
    },
    /// This process lacks a capability that running a container takes.
    #[error("run a container: this process lacks {0}")]
    Privilege(&'static str),
    /// An option that only a daemon supports, or that conflicts with others.
    #[error("run a container without a daemon: {option}: {reason}")]
    Option {
        /// The option and its value.
        option: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The image is for another architecture.
    #[error("run a container: the image is for {found}, and this machine runs {own}")]
    Architecture {
        /// Architecture in the image's config.
        found: String,
        /// Architecture of this machine, in Rust's words.
        own: &'static str,
    },
    /// A path in the image that nothing may be mounted at, or that is no working directory.
    #[error("{what}: {source}")]
    Destination {
        /// The failed action, as a verb with its object.
        what: String,
        /// Whether the image is at fault, and not an option.
        by_image: bool,
        /// The reason, which names the path.
        source: DestinationError,
    },
    /// A file of the image that cannot be read safely.
    #[error("read {path} of the image: {source}")]
    ImageFile {
        /// Path of the file in the image.
        path: ImagePath,
        /// The reason why it is not used.
        source: std::io::Error,
    },
    /// Neither the image nor the options have a command.
    #[error("run a container: the image has no command, and no command was given")]
    NoCommand,
    /// A system call failed.
    #[error("{action}: {source}")]
    Host {
        /// The failed action, as a verb with its object.
        action: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The folder for the cache is not safe.
    #[error("use cache folder {}: {reason}", path.display())]
    CacheFolder {
        /// Path of the folder on this host.
        path: std::path::PathBuf,
        /// The reason why it is not used.
        reason: String,
    },
    /// The layers do not fit together.
    #[error(transparent)]
    Layers(#[from] MergeError),
    /// The layers and the config do not match.
    #[error("unpack the image: its config lists {named} layers, but it has {given}")]
    LayerCount {
        /// Number of diff IDs in the config.
        named: usize,
        /// Number of layers in the image.
        given: usize,
    },
    /// An entry of a layer that cannot be written.
    #[error("unpack layer {layer}: {path}: {source}")]
    Unpack {
        /// Layer, 0 is the lowest.
        layer: usize,
        /// Path of the entry in the image.
        path: ImagePath,
        /// The error of the system or of the image's source.
        source: std::io::Error,
    },
    /// The image unpacks to more than the limit.
    #[error("unpack layer {layer}: the image contains more than {limit} {what}")]
    TooLarge {
        /// The layer that exceeds the limit, 0 is the lowest.
        layer: usize,
        /// Limit, in the unit of `what`.
        limit: u64,
        /// `bytes` or `entries`.
        what: &'static str,
    },
    /// The copies of the image's files in volumes exceed the limit.
    #[error(
        "fill the volume at {target}: the image and its volumes contain more than {limit} {what}"
    )]
    VolumeTooLarge {
        /// Where it is mounted.
        target: ImagePath,
        /// Limit, in the unit of `what`.
        limit: u64,
        /// `bytes` or `entries`.
        what: &'static str,
    },
    /// Cancelled by the caller.
    #[error("unpack the image: interrupted")]
    Interrupted,
    /// Containers that could not be removed.
    #[error("remove containers {ids:?}: {reason}")]
    LeftBehind {
        /// Ids of containers, and names of images.
        ids: Vec<String>,
        /// Why the last of them could not be removed.
        reason: String,
    },
}

impl RuntimeError {
    /// Whether the disk of the cache is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Unpack { source, .. } | Self::Host { source, .. } => is_full(source),
            _ => false,
        }
    }

    /// Advice for the user; `None` if the message says it all.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoImage(_) => "list images with `docker images`, or fetch one with `docker pull`",
            Self::CommandNotFound { .. } => {
                "check ENTRYPOINT and CMD with `docker inspect`, or set --entrypoint and --cmd; \
                 a script also needs the interpreter of its first line"
            }
            Self::CommandNotExecutable { .. } => {
                "check that the file is executable and built for this machine's architecture"
            }
            Self::NoUser(_) => "set --user to a user that the image has, or to a numeric ID",
            Self::NotLocal { .. } => {
                "use a daemon that runs on this host and shares its process IDs: one on another host, in a \
                 virtual machine, or in a container without --pid=host cannot be traced"
            }
            Self::NoRuntime(_) => {
                "install runc, crun or youki, or choose one with --runtime; with --runtime docker, a daemon \
                 runs the image"
            }
            Self::BrokenRuntime(_) => {
                "repair it, choose another one with --runtime, or let a daemon run the image with --runtime docker"
            }
            Self::Program { message, .. } if message.contains("hybrid") => {
                "use --runtime runc: this crun does not support hosts that have control groups of versions 1 \
                 and 2 at once"
            }
            Self::Privilege(_) => {
                "run minify as root; in a container, add --privileged or the capabilities named above"
            }
            Self::Option { .. } => "remove the option, or use --runtime docker",
            Self::Architecture { .. } => {
                "choose an image for this machine with --platform, or run minify on a machine of that architecture"
            }
            Self::Destination {
                source: DestinationError::Covered(_),
                ..
            } => "check the links in the folders and volumes that you mount",
            Self::Destination {
                source: DestinationError::Source { .. },
                ..
            } => "check the path; only --volume with --runtime docker creates a missing directory",
            Self::Destination { by_image: true, .. } => {
                "check the image's VOLUME and WORKDIR, and the links on the way to them; \
                 an image that reaches for the system's files may be meant to harm the host"
            }
            Self::Destination { .. } => "choose another path in the container",
            Self::ImageFile { .. } => "check the file at this path in the image",
            Self::NoCommand => "give a command with --entrypoint or --cmd",
            Self::CacheFolder { .. } => {
                "use --cache-dir to choose a folder that nobody else can write to and that is not on overlayfs or NFS"
            }
            Self::Unpack { source, .. } if is_full(source) => {
                "free space on the disk, or choose a folder on another disk with --cache-dir"
            }
            Self::TooLarge { what: "bytes", .. } | Self::VolumeTooLarge { what: "bytes", .. } => {
                "raise the limit with --max-uncompressed SIZE"
            }
            Self::Host { source, .. } if is_full(source) => {
                "free space on the disk, or choose a folder on another disk with --cache-dir"
            }
            Self::LeftBehind { .. } => {
                "run `minify build` again, which removes them, or remove Docker containers with `docker rm --force`"
            }
            _ => return None,
        })
    }
}

/// Whether the disk is full or read-only. Such an error is the host's and says nothing about the image.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}

/// Wraps an error of the system as the failure of `action`.
#[cfg(feature = "engines")]
pub(crate) fn host<E: Into<std::io::Error>>(
    action: impl Into<String>,
) -> impl FnOnce(E) -> RuntimeError {
    let action = action.into();
    move |source| RuntimeError::Host {
        action,
        source: source.into(),
    }
}
