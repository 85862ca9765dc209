//! Running images without a daemon: layers unpacked into a cache, put together by overlayfs, run by an OCI runtime.

mod cache;
mod tree;

pub use cache::{CacheLimits, LayerCache, Pruned, UnpackLimits, Unpacked};
