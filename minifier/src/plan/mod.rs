//! From findings to a decision: which paths stay, and why each one does.
//!
//! [`plan`] takes an image, its merged tree, the trace and the user's [`Rules`]; gives a [`Plan`]. It is pure: bytes
//! come through the content store, and nothing of the image is executed.

mod build;
mod certificates;
mod closure;
mod configured;
mod essentials;
mod expand;
mod explain;
mod included;
mod lookup;
mod model;
mod patterns;
mod rules;
mod summary;
mod traced;

#[cfg(test)]
mod tests;

pub use build::{PlanError, plan};
pub use explain::{Explanation, Verdict};
pub use model::{Exclusion, KeepSet, Plan, Reason, Severity, Totals, Warning};
pub use rules::{Rules, RunFacts, parse_list};
