//! Package databases: which files belong to which package. Read to name what goes and what stays, and to explain a
//! path; nothing is kept because of them.
//!
//! Known: dpkg (with the split form of distroless images), apk, Python distributions (`*.dist-info`), npm packages.
//! Not known: rpm and pacman; their images have no package names in reports.

mod apk;
mod dpkg;
mod index;
mod language;

pub(crate) use apk::apk_stanzas;
pub use index::{Finder, Package, PackageIndex, PackageManager, read_packages};
pub(crate) use language::record_names;
