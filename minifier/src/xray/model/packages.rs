//! Packages of distributions and languages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Packages of every kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Packages {
    /// By kind, then name, then version.
    pub packages: Vec<PackageInfo>,
    /// Databases that are there and were not read (rpm), a reason each.
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

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageInfo {
    /// Package URL (purl) with version and qualifiers; unique within an image together with `location`.
    pub id: String,
    /// Where it comes from.
    pub kind: PackageKind,
    /// Name as its ecosystem writes it (`@scope/name`, `group:artifact`).
    pub name: String,
    /// Version; empty where none is known.
    pub version: String,
    /// Architecture, where the database has one.
    pub architecture: Option<String>,
    /// Licence as declared: an SPDX expression or free text.
    pub licence: Option<String>,
    /// Source package, where it has another name.
    pub source: Option<String>,
    /// Bytes of its files that are visible; 0 for what is compiled into a program.
    pub size: u64,
    /// Its files that are visible.
    pub files: u64,
    /// The layer that installed it: that of its database entry or metadata file; the lowest that has it.
    pub layer: usize,
    /// The database, metadata file, program or archive that names it; `outer.jar!inner.jar` for nested ones.
    pub location: String,
    /// True where it is only for development (npm's `dev`).
    pub dev: bool,
}

/// A database that is there and was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadDatabase {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: String,
}
