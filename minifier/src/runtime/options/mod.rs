//! How an image is run: the options of `docker run`, read as Docker reads them, and what a container may use.

mod env;
mod limits;
mod mounts;
mod run;
mod volumes;

pub use env::{EnvError, load_env, parse_env, parse_env_file};
pub(crate) use limits::Room;
pub use limits::{RunLimits, UnpackLimits};
pub(crate) use mounts::is_propagation;
pub use mounts::{Mount, MountError, MountKind, parse_mount};
pub use run::{OptionError, RunOptions, parse_add_host, parse_command, parse_sysctl};
pub use volumes::{Tmpfs, Volume, parse_tmpfs, parse_volume};
