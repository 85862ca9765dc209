//! Packages of distributions and languages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Packages of the distribution and of languages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Packages {
    /// The packages, sorted by kind, then name, then version.
    pub packages: Vec<PackageInfo>,
    /// Package databases that the image has but that were not read.
    pub unread: Vec<UnreadDatabase>,
    /// Number of files that belong to no package.
    pub unowned_files: u64,
    /// Bytes of the files that belong to no package.
    pub unowned_size: u64,
}

/// Package manager or ecosystem of a package.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PackageKind {
    /// A package of dpkg (Debian, Ubuntu).
    Deb,
    /// A package of Alpine's apk.
    Apk,
    /// A package of rpm (Red Hat, SUSE and their derivatives).
    Rpm,
    /// A Python distribution.
    Python,
    /// An npm package.
    Npm,
    /// A Ruby gem.
    Gem,
    /// A Java archive.
    Java,
    /// A Go module compiled into a program.
    Go,
    /// A Rust crate compiled into a program.
    Cargo,
}

impl PackageKind {
    /// Whether the distribution's package manager installs such packages.
    pub(crate) fn is_of_the_system(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }
}

/// A package, with its place, its origin and what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageInfo {
    /// Package URL (purl) with version and qualifiers; unique within an image together with `location`.
    pub id: String,
    /// Package manager or ecosystem.
    pub kind: PackageKind,
    /// Name as its ecosystem writes it (`@scope/name`, `group:artifact`).
    pub name: String,
    /// Version; empty if none is recorded.
    pub version: String,
    /// Architecture; `None` if nothing records one.
    pub architecture: Option<String>,
    /// Licence as declared: an SPDX expression or free text.
    pub licence: Option<String>,
    /// Name of the source package; `None` if it is the same.
    pub source: Option<String>,
    /// Supplier as declared: `NAME <ADDRESS>`, or only one of the two.
    #[serde(default)]
    pub supplier: Option<String>,
    /// Where it was downloaded from, if the installer recorded it: a URL without credentials.
    #[serde(default)]
    pub download: Option<String>,
    /// Checksums that are known, as `ALGORITHM:HEXADECIMAL` (`sha256`, `sha512`, `sha1`): of the archive that the
    /// package is or was installed from, of the program that it is compiled into, or of its header (rpm) or control
    /// files (apk).
    #[serde(default)]
    pub checksums: Vec<String>,
    /// Package URLs of the packages in this image that it needs, in order.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Bytes of its visible files. The main module of a program has the bytes of the program, other modules have 0.
    pub size: u64,
    /// Number of its visible files.
    pub files: u64,
    /// Number of the layer that installed it: the lowest one with its database entry or metadata file.
    pub layer: usize,
    /// The database, metadata file, program or archive that names it; `outer.jar!inner.jar` for nested ones.
    pub location: String,
    /// Whether it is only for development (npm's `dev`).
    pub dev: bool,
    /// Whether it is a copy that another package brings with it for its own use (`pip/_vendor`, shaded archives).
    #[serde(default)]
    pub vendored: bool,
    /// Whether it is what the image is for rather than a part of it: npm's root package, the main module of a program.
    #[serde(default)]
    pub application: bool,
}

/// A package database that the image has but that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadDatabase {
    /// Path inside the image.
    pub path: String,
    /// Why it was not read.
    pub reason: String,
}
