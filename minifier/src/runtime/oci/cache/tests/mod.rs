//! Layers of all kinds unpacked, and looked at through overlayfs.

mod hostile;
mod limits;
mod share;
mod support;
