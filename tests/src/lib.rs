//! Harness shared by the end-to-end and cross-crate tests.
//!
//! - [`fixture`] finds a fixture's image, [`run_checks`] asks it everything its recipe lists and
//!   gives comparable [`Answers`];
//! - [`Minifier`] is the program under test, built once and run with a folder of its own for
//!   temporary files;
//! - [`action`] is the action for GitHub;
//! - [`tracing`] traces containers;
//! - [`process`] sends signals and waits;
//! - [`registry`] starts registries;
//! - [`browser`] is a headless Chromium;
//! - [`xray_sample`] is an analysis for renderers;
//! - [`leftovers`] are what runs left behind.

pub mod action;
mod answers;
pub mod browser;
mod checks;
pub mod command;
pub mod conformance;
pub mod elf;
pub mod expected;
mod fixture;
pub mod layers;
pub mod leftovers;
pub mod listing;
pub mod process;
mod program;
pub mod registry;
pub mod tracing;
pub mod transport;
pub mod traps;
pub mod ustar;
pub mod xray_sample;

pub use answers::Answers;
pub use checks::{RootFs, run_checks};
pub use fixture::{SlimImage, fixture, image_exists};
pub use program::{Minifier, Run};
