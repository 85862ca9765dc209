//! Running images without a daemon. Needs root, eBPF, runc, and the images of the fixtures in a daemon, which they are
//! read from.

mod destinations;
mod fixtures;
mod leftovers;
mod options;
mod support;
mod volumes;
