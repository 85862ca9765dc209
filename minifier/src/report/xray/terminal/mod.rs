//! The analysis for a terminal: what matters most comes first, no line is wider than asked for, nothing depends on
//! colour, and nothing that an image holds can act on the terminal.

mod advice;
mod comparison;
mod contents;
mod layer;
mod layers;
mod page;
mod summary;
mod table;
mod whole;

pub use comparison::terminal_comparison;
pub use layer::terminal_layer;
pub use page::{DEFAULT_WIDTH, Details};
pub use whole::terminal;
