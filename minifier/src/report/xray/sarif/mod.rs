//! Findings as SARIF 2.1.0 (OASIS), for code scanning. Places are files of the image's rootfs, or of its config.

mod log;
mod rules;
mod uri;

pub use log::sarif;
