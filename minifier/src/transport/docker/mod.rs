//! Images of a Docker daemon, and of Podman, which speaks the same API: finding the daemon, exporting from it, reading
//! in place from its storage driver, loading into it.

mod daemon;
mod endpoint;
mod error;
mod handover;
mod image;
mod load;
mod overlay2;
mod podman;

pub use daemon::{Daemon, DaemonInfo};
pub use endpoint::{Endpoint, EndpointOrigin, Environment, TlsFiles};
pub use image::{Inspected, ReadMode, ReadRequest};
pub use load::LoadedImage;
pub use overlay2::InPlaceError;
