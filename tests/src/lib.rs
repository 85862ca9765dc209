//! Harness shared by the end-to-end and cross-crate tests.

pub mod command;
pub mod layers;
pub mod listing;
pub mod traps;
pub mod ustar;
