//! From findings to a decision: which paths stay, and why each one does.

mod model;

pub use model::{KeepSet, Plan, Reason, Totals, Warning};
