//! Running a container of an image, unchanged, so that it can be traced and probed.
//!
//! Takes an image and [`RunOptions`]; gives a [`Workload`]: what the probes need to know of a running container,
//! whoever runs it. [`DockerRuntime`] does it through the Docker API, [`OciRuntime`] without a daemon.

#[cfg(feature = "engines")]
mod abandoned;
#[cfg(feature = "engines")]
mod body;
#[cfg(feature = "engines")]
mod capture;
#[cfg(feature = "engines")]
mod container;
pub mod destination;
#[cfg(feature = "engines")]
mod docker;
#[cfg(all(test, feature = "engines"))]
mod docker_tests;
#[cfg(feature = "engines")]
mod env;
mod error;
#[cfg(feature = "engines")]
mod exec;
#[cfg(feature = "engines")]
mod fill;
#[cfg(feature = "engines")]
mod life;
#[cfg(feature = "engines")]
mod limits;
#[cfg(feature = "engines")]
mod logs;
#[cfg(feature = "engines")]
mod messages;
#[cfg(feature = "engines")]
mod mounts;
#[cfg(feature = "engines")]
mod oci;
#[cfg(feature = "engines")]
mod options;
#[cfg(feature = "engines")]
mod process;
#[cfg(feature = "engines")]
mod remove;
#[cfg(feature = "engines")]
mod room;
#[cfg(feature = "engines")]
mod run_id;
#[cfg(feature = "engines")]
mod stop;
#[cfg(feature = "engines")]
mod sweep;
#[cfg(all(test, feature = "engines"))]
pub(crate) mod testing;
#[cfg(feature = "engines")]
mod volumes;
#[cfg(feature = "engines")]
mod workload;

#[cfg(feature = "engines")]
pub(crate) use capture::Capture;
#[cfg(feature = "engines")]
pub use capture::Captured;
#[cfg(feature = "engines")]
pub use container::Container;
#[cfg(feature = "engines")]
pub use docker::{DockerRuntime, RUN_LABEL, RUN_REPOSITORY};
#[cfg(feature = "engines")]
pub use env::{EnvError, load_env, parse_env, parse_env_file};
pub use error::RuntimeError;
#[cfg(feature = "engines")]
pub use limits::RunLimits;
#[cfg(feature = "engines")]
pub use logs::{LogChunk, LogLine, LogStream, Logs};
#[cfg(feature = "engines")]
pub use mounts::{Mount, MountError, MountKind, parse_mount};
#[cfg(feature = "engines")]
pub use oci::{
    CacheLimits, LayerCache, OciContainer, OciRuntime, Pruned, UnpackLimits, Unpacked, known_holes,
};
#[cfg(feature = "engines")]
pub use options::{OptionError, RunOptions, parse_add_host, parse_command, parse_sysctl};
#[cfg(feature = "engines")]
pub use run_id::RunId;
#[cfg(feature = "engines")]
pub use volumes::{Tmpfs, Volume, parse_tmpfs, parse_volume};
#[cfg(feature = "engines")]
pub(crate) use workload::millis;
#[cfg(feature = "engines")]
pub use workload::{ExecOutcome, ExecRequest, ExitStatus, Health, StopOutcome, Stopped, Workload};
