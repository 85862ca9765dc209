//! A container's processes, its network namespace, and the sockets that it listens on.

mod inside;
mod listeners;
mod netns;
mod sock_diag;
mod tables;

pub(crate) use inside::ContainerProcesses;
pub(crate) use listeners::Listeners;
pub(crate) use netns::Netns;
pub(crate) use sock_diag::SockDiag;
pub use tables::{Listener, Protocol};
