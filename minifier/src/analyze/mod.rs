//! The contents of an image's files: ELF needs, script interpreters, the dynamic linker's search, name
//! services, package databases.
//!
//! Parsers take bytes and never trust them; [`Files`] reads the bytes, bounded, through the image's content store.
//! Nothing of the image is executed.

mod command;
mod elf;
mod files;
mod ldso;
mod nsswitch;
mod packages;
mod samples;
mod script;
mod zip;

#[cfg(test)]
pub(crate) mod testing;

pub use command::{CommandWords, command_words};
pub(crate) use elf::Headers;
pub use elf::{Abi, Dlopen, DlopenPriority, ElfError, ElfFile, ElfKind, ReadAt};
pub use files::{Files, ReadError};
pub use ldso::{Context, Libc, LibraryHit, Linker};
pub use nsswitch::name_services;
pub(crate) use packages::{
    ApkStanza, DPKG_STATUS, DpkgStanza, MAX_DATABASE, MAX_DOCUMENT, MAX_LIST, MAX_METADATA,
    MAX_RPM_DATABASE, MAX_ZIPPED, MetadataForm, NpmPackage, NpmPlace, PackageDocuments,
    PackageMetadata, RPM_DATABASES, RPM_FOLDERS, RpmRead, apk_databases, apk_stanzas, copyright,
    dpkg_packages, dpkg_stanzas, egg_metadata, gemspec, normal_python_name, npm_packages,
    package_json, python_metadata, python_packages, rpm_databases, rpm_manifest, without_bom,
    yarn_metadata,
};
pub use packages::{
    Finder, Package, PackageIndex, PackageManager, RpmDatabase, RpmError, RpmPackage,
    read_packages, rpm_database,
};
pub(crate) use samples::{holds_samples, holds_tests_alone};
pub use script::{EnvCommand, KERNEL_HEAD, Shebang, parse_shebang};
pub(crate) use zip::{SpooledZip, Zip, for_each_chunk};
