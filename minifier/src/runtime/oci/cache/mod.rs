//! [`LayerCache`]: the layers of images, unpacked once, in folders that overlayfs puts on top of each other.
//!
//! Takes an image's layers and contents from a transport; returns [`Unpacked`], which locks the layers until it is dropped.
//!
//! | in the folder | |
//! |---|---|
//! | `layers/<chain ID>/diff` | a layer in the form of overlayfs |
//! | `layers/<chain ID>/size` | its size in bytes, for pruning |
//! | `new/` | layers that are being unpacked |
//! | `runs/` | what each running container needs |
//!
//! A layer is locked (`flock` of its folder) while it is used; its folder's time is that of its last use.

mod collect;
mod folder;
mod layers;
mod lock;
#[cfg(test)]
mod tests;
mod unpack;

pub use collect::{CacheLimits, Pruned};
pub(crate) use folder::Folders;
pub use layers::{LayerCache, Unpacked};
pub(crate) use lock::{Hold, try_lock};
