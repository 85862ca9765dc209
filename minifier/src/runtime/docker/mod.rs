//! Running images with a Docker daemon, by its API (1.41 and newer).
//!
//! [`DockerRuntime`] creates [`Container`]s, and finds and removes those that it, or a run that is over, has left.

mod abandoned;
mod body;
mod container;
mod created;
mod exec;
mod fill;
mod messages;
mod names;
mod runtime;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use container::Container;
pub use names::{RUN_LABEL, RUN_REPOSITORY};
pub use runtime::DockerRuntime;
