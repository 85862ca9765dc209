//! Files that should not ship, recommendations, and the estimated result of a build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kinds of what should not ship.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum WasteKind {
    /// Lists of packages of apt (`/var/lib/apt/lists`).
    AptLists,
    /// Downloaded packages of apt (`/var/cache/apt`).
    AptArchives,
    /// Package lists and packages that apk keeps.
    ApkCache,
    /// Downloads and wheels that pip keeps.
    PipCache,
    /// Downloads that npm keeps.
    NpmCache,
    /// Downloads that Yarn keeps.
    YarnCache,
    /// Crates and indexes that Cargo keeps.
    CargoCache,
    /// Modules and objects that Go keeps.
    GoCache,
    /// Byte code of Python: `__pycache__` and `.pyc`.
    PythonBytecode,
    /// Repositories of version control: `.git`, `.hg`, `.svn`.
    VersionControl,
    /// Tests that packages of languages bring.
    Tests,
    /// Documentation and manual pages.
    Documentation,
    /// Translations and definitions of locales.
    Locales,
    /// Compilers and build tools.
    BuildTools,
    /// Headers of C and C++.
    Headers,
    /// Static libraries (`.a`), which only a linker needs.
    StaticLibraries,
    /// npm packages that are for development only.
    DevDependencies,
    /// Debug information in programs and libraries.
    DebugInformation,
    /// Memory dumps of programs that crashed.
    CoreDumps,
    /// Files in `/tmp` and `/var/tmp`.
    TemporaryFiles,
    /// Logs of the build in `/var/log`.
    Logs,
    /// Caches of other package managers and tools.
    ToolCache,
    /// Intermediate files of builds.
    BuildOutput,
    /// Models, data sets and browsers that tools have downloaded.
    DownloadedData,
    /// Files that a later layer hides.
    Hidden,
    /// Files with the same content.
    Duplicates,
}

/// Files of one kind that should not ship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waste {
    /// Kind of waste.
    pub kind: WasteKind,
    /// Bytes in the merged tree, or in the layers for hidden files.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
    /// Numbers of the layers that the files come from, lowest first.
    pub layers: Vec<usize>,
    /// The largest places, largest first: directories, or single files.
    pub paths: Vec<Saving>,
}

/// A path and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Saving {
    /// Path inside the image.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// A change that makes the image smaller or safer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Identifier in kebab case: `remove-apt-lists`.
    pub id: String,
    /// The change as a short imperative sentence.
    pub title: String,
    /// Bytes that it saves on this image, in the layers above the base image; 0 if it is not about size. Two
    /// recommendations can save the same bytes: `fixable` counts these once.
    pub saves: u64,
    /// Facts of this image that show that it applies, one sentence each.
    pub evidence: Vec<String>,
    /// The change to make, as lines of a Dockerfile or `.dockerignore`.
    pub change: String,
    /// Number of the step of the history to change, from 0; `None` if no step is to blame.
    pub step: Option<usize>,
}

/// Certainty of an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// High: a static program needs no other file to start.
    High,
    /// Medium: of a dynamic program, the files that it opens by itself are not known.
    Medium,
    /// Low: of an interpreter, the modules that it loads are not known.
    Low,
}

/// Estimated result of `minify build`, made without running the image. It is a range, since only a run shows which
/// files are opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Bytes that would stay, as far as the needs of the entrypoint are known.
    pub bytes: u64,
    /// Number of files that would stay, as far as the needs of the entrypoint are known.
    pub files: u64,
    /// Fewest bytes: files that the entrypoint needs by name, and nothing that it opens by itself.
    #[serde(default)]
    pub low: u64,
    /// Most bytes: everything that the entrypoint could use.
    #[serde(default)]
    pub high: u64,
    /// Certainty of the estimate.
    pub confidence: Confidence,
    /// One sentence that says what the estimate is based on and what it cannot know.
    pub basis: String,
}
