//! Differences between two images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PackageInfo;

/// Differences between two images.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of the layout of this document; a change that is not an addition raises it.
    pub schema_version: u32,
    /// Version of the program that wrote this document.
    pub minifier: String,
    /// The first image.
    pub from: SideSummary,
    /// The second image.
    pub to: SideSummary,
    /// Files added, removed and changed, largest difference first.
    pub files: Vec<FileChange>,
    /// Number of files that are the same in both.
    pub unchanged_files: u64,
    /// Packages added, removed and changed.
    pub packages: Vec<PackageChange>,
    /// Fields of the config that differ.
    pub config: Vec<ValueChange>,
    /// Diff IDs of layers that both have.
    pub common_layers: Vec<String>,
    /// One sentence for each object of either image that could not be analysed.
    pub problems: Vec<String>,
}

/// One of the two images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SideSummary {
    /// The reference as given.
    pub reference: String,
    /// Digest of its config (Docker's image ID).
    pub id: String,
    /// Bytes of the files in its layers.
    pub size: u64,
    /// Bytes of its layers as stored.
    pub stored_size: u64,
    /// Number of files that the merged tree shows.
    pub files: u64,
    /// Number of layers.
    pub layers: usize,
    /// Number of packages.
    pub packages: usize,
    /// Share of the shipped bytes that is visible, 0 to 1.
    pub efficiency: f64,
}

/// Kind of difference between two images.
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

/// A file that differs between the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    /// Path inside the images.
    pub path: String,
    /// Kind of difference.
    pub change: ChangeKind,
    /// Bytes in the first image; 0 if it does not have the file.
    pub from_size: u64,
    /// Bytes in the second image; 0 if it does not have the file.
    pub to_size: u64,
}

/// A package that differs between the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PackageChange {
    /// The package of the first image; `None` if it was added.
    pub from: Option<PackageInfo>,
    /// The package of the second image; `None` if it was removed.
    pub to: Option<PackageInfo>,
}

/// A field of the config that differs between the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ValueChange {
    /// Name of the field: `Cmd`, `Env.PATH`, `Labels.vendor`.
    pub field: String,
    /// Value in the first image, as text; empty if it is not set.
    pub from: String,
    /// Value in the second image, as text; empty if it is not set.
    pub to: String,
}
