//! `minifier` takes a container image, runs it under an eBPF probe while a workload drives it, works out which files it
//! needs, and writes a new OCI image that contains only those files and behaves the same.
//!
//! Each stage is a function from data to data with its own types. Input and output happen at the edges ([`transport`],
//! [`runtime`], [`probe`], [`trace`]). ARCHITECTURE.md starts with an overview of the objects.
//!
//! # Features
//!
//! Without features, the library reads, checks, analyses and writes images in files. Each feature adds something:
//!
//! - `cli` (default): the command, that is `cli` and `report`, with all other features;
//! - `engines`: [`runtime`] and [`probe`], and the transports of Docker and Podman;
//! - `registry`: the transport of registries;
//! - `trace`: recording in [`trace`], whose data are always there;
//! - `languages`: reading source code for [`evidence`];
//! - `links`: reading the links in the answers of websites, which is a part of `probe`.

pub mod analyze;
#[cfg(any(feature = "engines", feature = "trace"))]
mod cgroups;
#[cfg(feature = "cli")]
pub mod cli;
pub mod evidence;
pub mod image;
pub mod plan;
#[cfg(feature = "links")]
pub mod probe;
pub mod rebuild;
#[cfg(feature = "cli")]
pub mod report;
pub mod rootfs;
pub mod runtime;
mod tasks;
#[cfg(any(feature = "engines", feature = "registry"))]
mod tls;
pub mod trace;
pub mod transport;
pub mod units;
pub mod xray;
