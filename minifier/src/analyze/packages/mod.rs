//! Package databases: which files belong to which package. Read to name what goes and what stays, and to explain a
//! path; nothing is kept because of them.
//!
//! Known: dpkg (with the split form of distroless images), apk, rpm, Python distributions (`*.dist-info`), npm packages.
//! Not known: pacman; its images have no package names in reports.

mod apk;
mod debian_licence;
mod dpkg;
mod dpkg_files;
mod index;
mod language;
mod metadata;
mod rpm;
mod trees;
mod zipped;

pub(crate) use apk::apk_stanzas;
pub(crate) use dpkg_files::{Diversions, dpkg_has_files, md5sums_paths};
pub use index::{Finder, Package, PackageIndex, PackageManager, read_packages};
pub(crate) use language::record_names;
pub(crate) use metadata::{Metadata, copyright, gemspec, package_json, python_metadata};
pub(crate) use rpm::{MAX_RPM_DATABASE, RPM_DATABASES, RPM_FOLDERS};
pub use rpm::{RpmDatabase, RpmError, RpmPackage, rpm_database};
pub(crate) use trees::{
    is_in_tests, is_npm_project, is_python_leftover, is_python_tree, without_bom,
};
pub(crate) use zipped::{egg_metadata, yarn_metadata};
