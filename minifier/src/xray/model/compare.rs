//! What changed between two images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PackageInfo;

/// What changed from one image to another.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: u32,
    /// Version of the program.
    pub minifier: String,
    /// The first image.
    pub from: SideSummary,
    /// The second image.
    pub to: SideSummary,
    /// Files added, removed and changed, largest difference first.
    pub files: Vec<FileChange>,
    /// How many files stayed as they are.
    pub unchanged_files: u64,
    /// Packages added, removed and changed.
    pub packages: Vec<PackageChange>,
    /// Fields of the config that differ.
    pub config: Vec<ValueChange>,
    /// Diff IDs of layers that both have.
    pub common_layers: Vec<String>,
    /// Problems of either image, as in [`Xray`](super::Xray).
    pub problems: Vec<String>,
}

/// One of the two images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideSummary {
    /// The reference as given.
    pub reference: String,
    /// Digest of its config.
    pub id: String,
    /// Bytes of the files in its layers.
    pub size: u64,
    /// Bytes of its layers as stored.
    pub stored_size: u64,
    /// Files that are to be seen.
    pub files: u64,
    /// Layers.
    pub layers: usize,
    /// Packages.
    pub packages: usize,
    /// Efficiency, 0 to 1.
    pub efficiency: f64,
}

/// A direction of change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Change")]
pub enum ChangeKind {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, with other bytes.
    Content,
    /// Both have it, with other metadata.
    Metadata,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// How.
    pub change: ChangeKind,
    /// Bytes in the first.
    pub from_size: u64,
    /// Bytes in the second.
    pub to_size: u64,
}

/// A package that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageChange {
    /// In the first image.
    pub from: Option<PackageInfo>,
    /// In the second image.
    pub to: Option<PackageInfo>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ValueChange {
    /// The field.
    pub field: String,
    /// In the first image, as text.
    pub from: String,
    /// In the second image, as text.
    pub to: String,
}
