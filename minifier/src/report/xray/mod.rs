//! Renderers of `minify xray`: functions from an [`Xray`](crate::xray::model::Xray) or a
//! [`Comparison`](crate::xray::model::Comparison) to text. Nothing is read or written here, and the result
//! depends on nothing but the arguments.

mod form;
mod html;
mod json;
mod markdown;
mod names;
mod sarif;
mod sbom;
mod terminal;
mod text;
mod totals;

pub use form::{ComparisonForm, Form, NotForComparisons, Settings};
pub use html::{html, html_comparison};
pub use json::{comparison_json, comparison_schema, xray_json, xray_schema};
pub use markdown::{LIMIT as MARKDOWN_LIMIT, markdown, markdown_comparison};
pub use sarif::sarif;
pub use sbom::{SbomTimeError, cyclonedx, sbom_time, spdx};
pub use terminal::{DEFAULT_WIDTH, Details, terminal, terminal_comparison, terminal_layer};
