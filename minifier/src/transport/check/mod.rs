//! Checks images against themselves: recomputes every digest, diff ID and size, and gives all mismatches together.

mod image;
mod layer;
mod mismatch;
mod validate;

pub use mismatch::{Mismatch, Validation};
pub use validate::{check_archive, validate};
