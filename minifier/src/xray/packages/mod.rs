//! Packages of distributions and languages, the files of each, and the files of none.

mod apk;
mod compiled;
mod dpkg;
mod found;
mod gems;
mod java;
mod java_names;
mod npm;
mod package;
mod purl;
mod python;
mod read;
mod reader;
mod relations;
mod rpm;
mod urls;

pub(crate) use package::Owners;
pub(crate) use read::{ReadPackages, read};
