//! The rebuild stage on small trees made by hand and at random: what is read back from its layers is exactly the
//! kept part of the original, and the same input gives the same bytes.

mod config;
mod errors;
mod layers;
mod random;
mod support;
