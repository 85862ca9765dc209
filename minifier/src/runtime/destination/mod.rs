//! Where mounts land: destinations resolved inside an image, through every link, before anything is mounted.
//!
//! A runtime follows the links of an image when it mounts something. So an image with `VOLUME /data` and a link from
//! `/data` to `/dev` has its own files in the place of the container's devices, which a runtime opens as the host's root
//! before the kernel's settings are read-only (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). Here such an image is
//! refused, and a runtime gets paths that are free of links.
//!
//! [`arrange`] takes a [`Tree`] and [`Wish`]es, and gives an [`Arranged`]: where each lands, in the order of mounting.

mod arrange;
mod covered;
#[cfg(feature = "engines")]
mod engine;
mod error;
mod opened;
mod resolve;
#[cfg(all(test, feature = "engines"))]
mod tests;
mod wishes;

pub use arrange::{Arranged, Landed, arrange};
pub use covered::Covered;
#[cfg(feature = "engines")]
pub(crate) use engine::{SYSTEM_FILES, check, check_databases, system_file, wishes, work_at};
pub use error::DestinationError;
pub use opened::OpenedTree;
pub use resolve::{Landing, Tree, TreeEntry, destination, working_directory};
#[cfg(feature = "engines")]
pub(crate) use wishes::of_system;
pub use wishes::{MountContent, Wish, WishOrigin};
