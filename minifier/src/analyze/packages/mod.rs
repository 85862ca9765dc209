//! Package databases: which files belong to which package. Read to name what goes and what stays, and to explain a
//! path; nothing is kept because of them.
//!
//! Known: dpkg (with the split form of distroless images), apk, rpm, Python distributions, npm packages. Each
//! is read once, here: what only `xray` reports of one is added there.
//! Not known: pacman; its images have no package names in reports.

mod apk;
mod debian_licence;
mod documents;
mod dpkg;
mod dpkg_files;
mod dpkg_stanza;
mod finder;
mod index;
mod metadata;
mod npm;
mod python;
mod read;
mod rpm;
mod trees;
mod zipped;

pub(crate) use apk::{ApkStanza, apk_databases, apk_stanzas};
pub(crate) use documents::{
    MAX_DATABASE, MAX_DOCUMENT, MAX_LIST, MAX_METADATA, MAX_ZIPPED, MetadataForm, PackageDocuments,
    RpmRead,
};
pub(crate) use dpkg::{DPKG_STATUS, dpkg_packages};
pub(crate) use dpkg_stanza::{DpkgStanza, dpkg_stanzas};
pub use finder::Finder;
pub use index::{Package, PackageIndex, PackageManager};
pub(crate) use metadata::{PackageMetadata, copyright, gemspec, package_json, python_metadata};
pub(crate) use npm::{NpmPackage, NpmPlace, npm_packages};
pub(crate) use python::{normal_python_name, python_packages};
pub use read::read_packages;
pub(crate) use rpm::{MAX_RPM_DATABASE, RPM_DATABASES, RPM_FOLDERS, rpm_databases, rpm_manifest};
pub use rpm::{RpmDatabase, RpmError, RpmPackage, rpm_database};
pub(crate) use trees::without_bom;
pub(crate) use zipped::{egg_metadata, yarn_metadata};
