//! Analysis of an image without running it or building anything: contents, waste, security, and advice.
//!
//! Takes an image as a transport stores it; returns an [`Xray`], which the renderers of [`report`](crate::report) share.
//! One pass over the layers (`scan`) finds out what each file is; merging (`merged`) finds out which files are visible;
//! everything else is made from these two. Nothing here prints or runs anything, and only the transport reaches a
//! network.

mod advice;
mod advice_base;
mod advice_files;
mod advice_running;
mod analysis;
mod base_end;
mod bases;
mod binaries;
mod caches;
mod caches_known;
mod claims;
mod compare;
mod contents;
mod detect;
#[cfg(test)]
mod docker_tests;
mod dockerfile;
mod entrypoint;
mod error;
mod estimate;
mod files;
pub mod gate;
mod gostring;
mod hide;
mod image;
mod layers;
mod marks;
mod merged;
pub mod model;
mod packages;
mod problems;
mod removal;
mod roots;
mod runtimes;
mod scan;
mod security;
mod store;
mod subtree;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unpacked_tests;
mod waste;
mod weight;

pub use analysis::{Analysis, XrayOptions, xray};
pub use compare::compare;
pub use error::XrayError;
pub use model::Xray;
pub use scan::ScanOptions;
#[cfg(feature = "cli")]
pub(crate) use security::Masker;
pub use security::{IgnoreFileError, IgnoreList};
