//! Bills of materials: SPDX 2.3 and CycloneDX 1.5, both as JSON. The same image and time give the same bytes: what
//! identifies a document is made from the image's digest.

mod cyclonedx;
mod identity;
mod licence;
mod spdx;
mod supplier;
mod time;

pub use cyclonedx::cyclonedx;
pub use spdx::spdx;
pub use time::{SbomTimeError, sbom_time};
