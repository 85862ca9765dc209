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

/// Version of the layout of [`Xray`] and [`Comparison`].
pub const SCHEMA_VERSION: u32 = 2;

/// One image, analysed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Xray {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the program.
    pub minifier: String,
    /// The image itself.
    pub image: ImageInfo,
    /// Its layers, lowest first.
    pub layers: Vec<LayerInfo>,
    /// How much of what ships is to be seen.
    pub efficiency: Efficiency,
    /// The steps that made it, oldest first, as a Dockerfile would say them.
    pub dockerfile: Vec<DockerfileStep>,
    /// Files and directories of the merged tree.
    pub contents: Contents,
    /// Packages of every kind.
    pub packages: Packages,
    /// Programs and libraries.
    pub binaries: Binaries,
    /// What should not ship, largest first.
    pub waste: Vec<Waste>,
    /// What matters to security.
    pub security: Security,
    /// What to do, largest saving first.
    pub recommendations: Vec<Recommendation>,
    /// Bytes that all recommendations save together; what two of them save counts once.
    #[serde(default)]
    pub fixable: u64,
    /// What `minify build` would reach, from static evidence alone.
    pub estimate: Option<Estimate>,
    /// What could not be analysed, a sentence each that names the object. Where there is any, the rest is partial.
    pub problems: Vec<String>,
    /// The rules of the gate, where there was one.
    pub gate: Option<GateReport>,
}

impl Xray {
    /// Whether something could not be analysed.
    pub fn is_partial(&self) -> bool {
        !self.problems.is_empty()
    }
}
