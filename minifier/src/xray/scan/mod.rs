//! One streaming pass over the layers: facts about every file, and the few contents that the analysis needs.
//!
//! Takes a [`StoredImage`](crate::transport::StoredImage); gives a [`Scan`]: for each layer its entries and, for each
//! file body, [`FileFacts`](facts::FileFacts). Nothing is unpacked; what is held in memory grows with the number of files, not with their
//! bytes: contents are looked at as they pass, and kept only if [`wanted`](wanted::wanted) says so and budgets allow.

mod ahead;
mod body;
mod capture;
mod facts;
mod layer;
mod limits;
mod run;
mod wanted;

pub(crate) use facts::{ElfFacts, Extra};
pub use limits::ScanOptions;
pub(crate) use run::{Scan, scan};
