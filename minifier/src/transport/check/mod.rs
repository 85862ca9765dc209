//! Checks images against themselves: recomputes every digest, diff ID and size, and gives all mismatches together.

mod image;
mod layer;
mod validate;

pub use validate::{Mismatch, Validation, check_archive, validate};
