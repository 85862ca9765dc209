//! What is in an image, what it costs and what to do about it, without running or building anything.
//!
//! Takes an image as a transport stores it; gives an [`Xray`], which the renderers of [`report`](crate::report) share.

pub mod gate;
pub mod model;

pub use model::Xray;
