//! What a person or a program reads afterwards: the data model, JSON, the terminal summary. Sees data types only.

mod model;
mod plain;
mod summary;
mod warnings;
pub mod xray;

pub use model::{
    Dropped, ImageReport, KeptPath, LayerReport, OutputReport, PackageReport, Report, ResultReport,
    SCHEMA_VERSION, Stage, Timing, TraceReport,
};
pub(crate) use plain::{for_log, plain, plain_json};
pub use summary::summary;
pub use warnings::of_probe;
