//! [`Xray`]: everything known about one image. Field names, units and enum values are a contract: a change that is
//! no addition raises [`SCHEMA_VERSION`]. Sizes are bytes; paths are as [`ImagePath`](crate::rootfs::ImagePath) shows
//! them; layers are numbered from 0, the lowest.

mod advice;
mod binaries;
mod compare;
mod contents;
mod files;
mod gate;
mod image;
mod layers;
mod packages;
mod security;

pub use advice::{Confidence, Estimate, Recommendation, Saving, Waste, WasteKind};
pub use binaries::{Binaries, Binary, BrokenNeed, Hardening, Linkage, Relro, UnusedLibrary};
pub use compare::{ChangeKind, Comparison, FileChange, PackageChange, SideSummary, ValueChange};
pub use contents::{Contents, Directory, DuplicateGroup, FileKind, KindTotal, LargeFile};
pub use files::{
    FileTree, LayerFiles, LinkTarget, Mark, MarkedNode, Names, OtherKind, TreeKind, TreeNode,
};
pub use gate::{GateReport, RuleOutcome, RuleResult};
pub use image::{DistributionInfo, ImageInfo, Runtime, RuntimeKind};
pub use layers::{DockerfileStep, Efficiency, LayerInfo, WastedPath};
pub use packages::{PackageInfo, PackageKind, Packages, UnreadDatabase};
pub use security::{
    CertificateInfo, Finding, FindingKind, FindingLocation, IgnoreEntry, IgnoreState,
    IgnoredFinding, PrivilegedFile, Security, Severity,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the layout of [`Xray`] and [`Comparison`]; a change that is not an addition raises it.
pub const SCHEMA_VERSION: u32 = 2;

/// The analysis of one image.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Xray {
    /// Version of the layout of this document; a change that is not an addition raises it.
    pub schema_version: u32,
    /// Version of the program that wrote this document.
    pub minifier: String,
    /// Names, digests, sizes and config of the image.
    pub image: ImageInfo,
    /// Its layers, lowest first.
    pub layers: Vec<LayerInfo>,
    /// Share of the shipped bytes that is visible in the final file system.
    pub efficiency: Efficiency,
    /// The steps that made the image, oldest first, as lines of a Dockerfile.
    pub dockerfile: Vec<DockerfileStep>,
    /// Files and directories of the merged tree.
    pub contents: Contents,
    /// Packages of the distribution and of languages.
    pub packages: Packages,
    /// Programs and libraries, and what they need of each other.
    pub binaries: Binaries,
    /// Files that should not ship, by kind, most bytes first.
    pub waste: Vec<Waste>,
    /// Findings and other facts that matter to security.
    pub security: Security,
    /// Recommendations, largest saving first.
    pub recommendations: Vec<Recommendation>,
    /// Bytes that all recommendations save together; bytes that two of them save count once.
    #[serde(default)]
    pub fixable: u64,
    /// Estimated result of `minify build`, made without running the image; `None` if the entrypoint is not a file of
    /// the image, or if contents were not read.
    pub estimate: Option<Estimate>,
    /// One sentence for each object that could not be analysed. If there are any, the rest of the document is partial.
    pub problems: Vec<String>,
    /// Results of the rules of the gate; `None` if no gate was evaluated.
    pub gate: Option<GateReport>,
}

impl Xray {
    /// Whether something could not be analysed.
    pub fn is_partial(&self) -> bool {
        !self.problems.is_empty()
    }
}
