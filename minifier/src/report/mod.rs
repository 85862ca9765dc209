//! Reports for people and programs: the data model of a build, JSON, the summary for the terminal. Sees data types only.

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
pub(crate) use warnings::of_probe;
