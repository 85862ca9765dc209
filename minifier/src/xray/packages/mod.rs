//! Packages of distributions and languages, the files of each, and the files of none.

mod apk;
mod compiled;
mod dpkg;
mod found;
mod gems;
mod java;
mod java_names;
mod npm;
mod purl;
mod python;
mod read;
mod relations;
mod rpm;
mod urls;

pub(crate) use found::Owners;
pub(crate) use read::{Read, read};
