//! What the image itself says about what the program can need, read without running anything.
//!
//! A trace knows what the workload did. This room reads the rest from the files that stay: imports written in source,
//! programs named in scripts, paths named in configuration, plug-ins beside one that was loaded. It takes the files that
//! joined the keep set since it was last asked and gives [`Group`]s: paths that belong together, with the file and line
//! that says so. It decides nothing: `plan` works out the price of each group and takes or leaves it, and what it takes
//! comes back here, until nothing new appears.
//!
//! Every reader is a `Reader`. It reads bounded amounts, never guesses, and reports what it cannot read as a [`Note`].

mod configuration;
mod directories;
mod families;
mod gather;
#[cfg(feature = "languages")]
mod javascript;
mod level;
mod model;
mod named;
mod plugins;
mod programs;
#[cfg(feature = "languages")]
mod python;
mod reader;
mod scripts;
mod text;
mod unowned;

pub use gather::Evidence;
pub use level::{Retain, UnknownRetain};
pub use model::{EvidenceSource, Group, Note, Origin, Rule, UnknownRule};
pub use reader::{KeptFile, Surroundings, View};

#[cfg(test)]
pub(crate) use plugins::rows_of_plugins;
