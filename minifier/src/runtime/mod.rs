//! Running a container of an image, unchanged, so that it can be traced and probed.
//!
//! Takes an image and [`RunOptions`]; gives a [`Workload`]: what the probes need to know of a running container,
//! whoever runs it. [`DockerRuntime`] does it through the Docker API, [`OciRuntime`] without a daemon.

pub mod destination;
#[cfg(feature = "engines")]
mod docker;
mod error;
#[cfg(feature = "engines")]
mod oci;
#[cfg(feature = "engines")]
mod options;
#[cfg(feature = "engines")]
mod shared;

#[cfg(all(test, feature = "engines"))]
pub(crate) use docker::testing;
#[cfg(feature = "engines")]
pub use docker::{Container, DockerRuntime, RUN_LABEL, RUN_REPOSITORY};
pub use error::RuntimeError;
#[cfg(feature = "engines")]
pub use oci::{CacheLimits, LayerCache, OciContainer, OciRuntime, Pruned, Unpacked, known_holes};
#[cfg(feature = "engines")]
pub use options::{
    EnvError, Mount, MountError, MountKind, OptionError, RunLimits, RunOptions, Tmpfs,
    UnpackLimits, Volume, load_env, parse_add_host, parse_command, parse_env, parse_env_file,
    parse_mount, parse_sysctl, parse_tmpfs, parse_volume,
};
#[cfg(feature = "engines")]
pub(crate) use shared::Capture;
#[cfg(feature = "engines")]
pub(crate) use shared::millis;
#[cfg(feature = "engines")]
pub use shared::{
    Captured, ExecOutcome, ExecRequest, ExitStatus, Health, LogChunk, LogLine, LogStream, Logs,
    RunId, StopOutcome, Stopped, Workload,
};
