//! Registries for tests: Debian's `docker-registry` as a process of its own, servers that answer what a test wants, a
//! proxy that breaks connections, and images to send.

mod fake;
mod image;
mod process;
mod proxy;
mod server;

pub use fake::FakeRegistry;
pub use image::{MemoryBlobs, blobs_of, layout, noise, options, stored};
pub use process::{Certificate, RegistryProcess, Settings, certificate, htpasswd};
pub use proxy::{Direction, Proxy, Trouble};
pub use server::{Answer, Asked, TinyServer};
