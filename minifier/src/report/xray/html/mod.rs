//! One self-contained HTML file: style, script and data are in it, and its content security policy lets it load nothing
//! and run nothing else. The script is a handful of small files, put together when this is compiled.

mod compose;
mod data;

pub use compose::{html, html_comparison};
