//! The gate for CI: rules over an [`Xray`](super::Xray), each of which is evaluated and shown. dive's rules keep their names,
//! their defaults and their file (`.dive-ci`); an image passes if no rule fails.

mod budget;
mod config;
mod evaluate;
mod file;

pub use budget::{Language, SizeBudget, SizeLimits};
pub use config::{GateConfig, Level};
pub use evaluate::evaluate;
pub use file::GateFileError;
