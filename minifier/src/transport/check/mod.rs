//! Checking images against themselves: every digest, diff ID and size is computed anew, and all mismatches are returned
//! together.

mod image;
mod layer;
mod mismatch;
mod validate;

pub use mismatch::{Mismatch, Validation};
pub use validate::{check_archive, validate};
