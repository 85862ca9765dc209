//! The image itself: names, digests, platform, size, what it runs on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names, digests, sizes and config of an image.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ImageInfo {
    /// The reference as given.
    pub reference: String,
    /// Names that the image has at the place it was read from.
    pub names: Vec<String>,
    /// Digest of its manifest; `None` if it is stored without one.
    pub manifest: Option<String>,
    /// Digest of its config (Docker's image ID).
    pub id: String,
    /// Platform that the image is for: `linux/amd64`.
    pub platform: String,
    /// Time of its creation (RFC 3339), as the config says; `None` if it does not.
    pub created: Option<String>,
    /// Bytes of its layers' tars as stored, compressed or not.
    pub stored_size: u64,
    /// Bytes of its layers' tars, uncompressed.
    pub tar_size: u64,
    /// Bytes of the files in its layers, hidden ones included. This is the size that Docker shows, except that Docker
    /// also counts the lengths of symbolic links.
    pub size: u64,
    /// Bytes of the files that the merged tree shows.
    pub visible_size: u64,
    /// Number of files (not directories) that the merged tree shows.
    pub files: u64,
    /// The distribution; `None` if the image has no os-release that names one.
    pub distribution: Option<DistributionInfo>,
    /// Languages and runtimes that were found, that of the entrypoint first.
    pub runtimes: Vec<Runtime>,
    /// `Entrypoint` of the config.
    pub entrypoint: Vec<String>,
    /// `Cmd` of the config.
    pub cmd: Vec<String>,
    /// `User` of the config; empty for root.
    pub user: String,
    /// `WorkingDir` of the config.
    pub working_dir: String,
    /// `ExposedPorts` of the config.
    pub ports: Vec<String>,
    /// `Volumes` of the config.
    pub volumes: Vec<String>,
    /// `Env` of the config; secrets are masked unless they were asked for.
    pub env: Vec<String>,
    /// `Labels` of the config.
    pub labels: BTreeMap<String, String>,
    /// `Healthcheck` of the config, as words; `None` if there is none.
    pub healthcheck: Option<Vec<String>>,
    /// `StopSignal` of the config.
    pub stop_signal: Option<String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

/// A distribution, as os-release names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DistributionInfo {
    /// `ID` of os-release: `debian`.
    pub id: String,
    /// `VERSION_ID` of os-release: `12`; empty if there is none.
    pub version: String,
    /// `PRETTY_NAME` of os-release, or `NAME` if there is none.
    pub name: String,
}

/// A language that the image has programs of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// Go: the program has Go's build info.
    Go,
    /// Rust: the program has the compiler's mark or a list of crates.
    Rust,
    /// Python: an interpreter called `python` or `pypy`.
    Python,
    /// Node.js: a program called `node` or `nodejs`.
    Node,
    /// Java, or another language of its virtual machine: a program called `java`.
    Java,
    /// Ruby: an interpreter called `ruby`.
    Ruby,
    /// PHP: an interpreter called `php` or `php-fpm`.
    Php,
    /// .NET: a program called `dotnet`.
    Dotnet,
    /// A static program of a language that left no mark.
    StaticNative,
    /// A dynamically linked program of a language that left no mark.
    DynamicNative,
}

/// A language or runtime that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runtime {
    /// The language.
    pub kind: RuntimeKind,
    /// Its version; `None` if nothing in the image says it.
    pub version: Option<String>,
    /// The file or package that shows it.
    pub evidence: String,
    /// Whether the entrypoint or the command runs on it.
    pub entrypoint: bool,
}
