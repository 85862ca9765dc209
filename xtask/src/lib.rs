//! Development tasks of minifier: set-up, fixtures, tests, demo and tables.
//!
//! `main.rs` is the command line (`cargo xtask --help`). The end-to-end tests use this library
//! for the fixtures' recipes and for Docker.

pub mod bench;
pub mod build_ebpf;
pub mod cache;
pub mod cargo;
pub mod command;
pub mod container;
pub mod demo;
pub mod docker;
pub mod fixtures;
pub mod fuzz;
pub mod http;
pub mod kernels;
mod newcomer;
mod parallel;
mod phases;
pub mod setup;
pub mod shape;
mod sources;
pub mod table;
mod tally;
pub mod test;
