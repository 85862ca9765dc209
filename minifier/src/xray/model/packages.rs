//! Packages of distributions and languages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Packages of every kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Packages {
    /// By kind, then name, then version.
    pub packages: Vec<PackageInfo>,
    /// Databases that are there and were not read, a reason each.
    pub unread: Vec<UnreadDatabase>,
    /// Files that belong to no package.
    pub unowned_files: u64,
    /// Bytes of these.
    pub unowned_size: u64,
}

/// Where a package comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PackageKind {
    /// dpkg.
    Deb,
    /// Alpine's apk.
    Apk,
    /// rpm, of Red Hat, SUSE and their derivatives.
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

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageInfo {
    /// Package URL (purl) with version and qualifiers; unique within an image together with `location`.
    pub id: String,
    /// Where it comes from.
    pub kind: PackageKind,
    /// Name as its ecosystem writes it (`@scope/name`, `group:artifact`).
    pub name: String,
    /// Version; empty if none is known.
    pub version: String,
    /// Architecture, where the database has one.
    pub architecture: Option<String>,
    /// Licence as declared: an SPDX expression or free text.
    pub licence: Option<String>,
    /// Source package, if it has another name.
    pub source: Option<String>,
    /// Who supplies it, as declared: `NAME <ADDRESS>`, or either.
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
    /// Bytes of its files that are visible: the program for its main module, 0 for what else is compiled into it.
    pub size: u64,
    /// Its files that are visible.
    pub files: u64,
    /// The layer that installed it: that of its database entry or metadata file; the lowest that has it.
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

/// A database that is there and was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadDatabase {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}
