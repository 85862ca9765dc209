//! Running a container of an image, unchanged, so that it can be traced and probed.
//!
//! Takes an image and [`RunOptions`]; gives a [`Workload`]: what the probes need to know of a running container,
//! whoever runs it. [`DockerRuntime`] does it through the Docker API, [`OciRuntime`] without a daemon.

mod abandoned;
mod body;
mod capture;
mod container;
pub mod destination;
mod docker;
#[cfg(test)]
mod docker_tests;
mod env;
mod error;
mod exec;
mod fill;
mod life;
mod limits;
mod logs;
mod mounts;
mod oci;
mod options;
mod process;
mod remove;
mod room;
mod run_id;
mod stop;
mod sweep;
#[cfg(test)]
pub(crate) mod testing;
mod volumes;
mod workload;

pub(crate) use capture::Capture;
pub use capture::Captured;
pub use container::Container;
pub use docker::{DockerRuntime, RUN_LABEL, RUN_REPOSITORY};
pub use env::{EnvError, load_env, parse_env, parse_env_file};
pub use error::RuntimeError;
pub use limits::RunLimits;
pub use logs::{LogChunk, LogLine, LogStream, Logs};
pub use mounts::{Mount, MountError, MountKind, parse_mount};
pub use oci::{
    CacheLimits, LayerCache, OciContainer, OciRuntime, Pruned, UnpackLimits, Unpacked, known_holes,
};
pub use options::{OptionError, RunOptions, parse_add_host, parse_command, parse_sysctl};
pub use run_id::RunId;
pub use volumes::{Tmpfs, Volume, parse_tmpfs, parse_volume};
pub(crate) use workload::millis;
pub use workload::{ExecOutcome, ExecRequest, ExitStatus, Health, StopOutcome, Stopped, Workload};
