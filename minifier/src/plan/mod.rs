//! From findings to a decision: which paths stay, and why each one does.
//!
//! [`plan`] takes an image, its merged tree, the trace and the user's [`Rules`]; gives a [`Plan`]. It is pure: bytes
//! come through the content store, and nothing of the image is executed. What stays:
//!
//! 1. what was touched (`traced`): a path that exists, whatever the call returned; links on its way; the last
//!    directory on the way to one that does not exist; of a listed directory the directory alone;
//! 2. what the config and the run name (`configured`), with the content of volumes;
//! 3. what include rules name (`included`);
//! 4. what every libc or container expects, if the image has it (`essentials`), and certificates if TLS is used
//!    (`certificates`);
//! 5. what all of that needs, until nothing new appears (`closure`, `expand`): libraries, interpreters.
//!
//! Exclude rules win over all of it. What is below `/dev`, `/proc` and `/sys` is mounted over and stays only when a
//! rule includes it.

mod build;
mod certificates;
mod closure;
mod configured;
mod essentials;
mod expand;
mod explain;
mod included;
mod model;
mod patterns;
mod rules;
mod standard_library;
mod summary;
mod traced;
mod trial;
mod weigh;

#[cfg(test)]
mod tests;

pub use build::{PlanError, plan};
pub use explain::{Explanation, Verdict};
pub use model::{
    Exclusion, KeepSet, LeftOut, Plan, Reason, TakenGroup, TooDear, Totals, Warning, WarningLevel,
    Weighed,
};
pub use rules::{EvidenceRules, Rules, RunFacts, parse_list};
