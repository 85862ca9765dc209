//! Harness shared by the end-to-end and cross-crate tests.

pub mod transport;
