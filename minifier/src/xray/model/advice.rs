//! What should not ship, what to do about it, and what a build would reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kinds of what should not ship.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WasteKind {
    /// `/var/lib/apt/lists`
    AptLists,
    /// `/var/cache/apt`
    AptArchives,
    /// apk's cache.
    ApkCache,
    /// pip's cache.
    PipCache,
    /// npm's cache.
    NpmCache,
    /// Yarn's cache.
    YarnCache,
    /// Cargo's registry.
    CargoCache,
    /// Go's module and build cache.
    GoCache,
    /// `__pycache__` and `.pyc`.
    PythonBytecode,
    /// `.git` and its like.
    VersionControl,
    /// Tests of packages.
    Tests,
    /// Documentation, manual pages.
    Documentation,
    /// Translations.
    Locales,
    /// Compilers and build tools.
    BuildTools,
    /// Headers.
    Headers,
    /// Static libraries.
    StaticLibraries,
    /// npm packages that are for development only.
    DevDependencies,
    /// Debug information in programs and libraries.
    DebugInformation,
    /// Core dumps.
    CoreDumps,
    /// `/tmp` and `/var/tmp`.
    TemporaryFiles,
    /// `/var/log`.
    Logs,
    /// Caches of other package managers and tools.
    ToolCache,
    /// What builds leave beside their results.
    BuildOutput,
    /// Models, data sets and browsers that tools have downloaded.
    DownloadedData,
    /// Files that a later layer hides.
    Hidden,
    /// Files with the same content.
    Duplicates,
}

/// Something that should not ship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waste {
    /// What kind.
    pub kind: WasteKind,
    /// Bytes in the merged tree, or in the layers for hidden files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Layers that it comes from.
    pub layers: Vec<usize>,
    /// The largest places, largest first: directories, or files where these count singly.
    pub paths: Vec<Saving>,
}

/// A path and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Saving {
    /// The path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Identifier in kebab case: `remove-apt-lists`.
    pub id: String,
    /// What to do, a short imperative sentence.
    pub title: String,
    /// Bytes that it saves on this image, of layers that the image's author makes; 0 for what is not about size. Two
    /// recommendations can save the same bytes: [`Xray::fixable`](super::Xray::fixable) counts these once.
    pub saves: u64,
    /// What in this image shows that it applies, a sentence each.
    pub evidence: Vec<String>,
    /// The change to make, as lines of a Dockerfile or `.dockerignore`.
    pub change: String,
    /// The step of the history to change, if there is one.
    pub step: Option<usize>,
}

/// How sure an estimate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// A static program: its closure is itself.
    High,
    /// A dynamic program: what it opens by itself is not known.
    Medium,
    /// An interpreter: what it loads is not known.
    Low,
}

/// What `minify build` would reach, from static evidence alone: a range, since only a run shows what is loaded. An
/// estimate, never a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Bytes that would stay by what is known of the entrypoint.
    pub bytes: u64,
    /// Files that would stay by that.
    pub files: u64,
    /// Fewest bytes: what the entrypoint needs by name and nothing that it opens by itself.
    #[serde(default)]
    pub low: u64,
    /// Most bytes: all that can be of use to it, whether a run would show that or not.
    #[serde(default)]
    pub high: u64,
    /// How sure that is.
    pub confidence: Confidence,
    /// What it rests on, and what it cannot know, a sentence.
    pub basis: String,
}
