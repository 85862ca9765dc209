//! The analysis as Markdown for the summary of a job on GitHub or GitLab: tables, details to unfold, never more than
//! [`LIMIT`], and nothing of an image that acts as Markdown or HTML.

mod comparison;
mod document;
mod escape;
mod page;

pub use comparison::markdown_comparison;
pub use document::LIMIT;
pub use page::markdown;
