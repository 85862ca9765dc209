//! Running images without a daemon: layers unpacked into a cache, merged by overlayfs, run by an OCI runtime.
//!
//! [`LayerCache`] gives an [`Unpacked`] image; [`OciRuntime`] creates an [`OciContainer`] of it. The container's mounts are
//! in a namespace of their own, its files in a folder of the cache that is locked while it exists.

mod cache;
mod cgroup;
mod container;
mod create;
mod exec;
mod files;
mod holes;
mod overlay;
mod plan;
mod program;
mod run;
mod spec;
mod tree;

pub use cache::{CacheLimits, LayerCache, Pruned, Unpacked};
pub use container::OciContainer;
pub use holes::known as known_holes;
pub use program::OciRuntime;
