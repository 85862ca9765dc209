//! The image itself: names, digests, platform, size, what it runs on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an image is.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ImageInfo {
    /// The reference as given.
    pub reference: String,
    /// Names that it has where it was read.
    pub names: Vec<String>,
    /// Digest of its manifest; `None` if it is stored without one.
    pub manifest: Option<String>,
    /// Digest of its config (Docker's image ID).
    pub id: String,
    /// `linux/amd64`
    pub platform: String,
    /// RFC 3339 time of its creation.
    pub created: Option<String>,
    /// Bytes of its layers' tars as stored, compressed or not.
    pub stored_size: u64,
    /// Bytes of its layers' tars, uncompressed.
    pub tar_size: u64,
    /// Bytes of the files in its layers, hidden ones included: what Docker shows as the size,
    /// but for the lengths of symbolic links, which it counts.
    pub size: u64,
    /// Bytes of the files that are to be seen in the merged tree.
    pub visible_size: u64,
    /// Files (not directories) that are to be seen.
    pub files: u64,
    /// The distribution, where os-release names one.
    pub distribution: Option<DistributionInfo>,
    /// Languages and runtimes found, the one of the entrypoint first.
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
    /// `Env` of the config, secrets masked.
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

/// What os-release says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DistributionInfo {
    /// `ID`: `debian`
    pub id: String,
    /// `VERSION_ID`: `12`; empty if there is none.
    pub version: String,
    /// `PRETTY_NAME`
    pub name: String,
}

/// A language that the image has programs of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeKind {
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// Node.js.
    Node,
    /// Java and other languages of its virtual machine.
    Java,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// .NET.
    Dotnet,
    /// A static program of a language that left no mark.
    StaticNative,
    /// A dynamically linked program of a language that left no mark.
    DynamicNative,
}

/// A language or runtime that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runtime {
    /// Which.
    pub kind: RuntimeKind,
    /// Its version, where something says it.
    pub version: Option<String>,
    /// The file or package that shows it.
    pub evidence: String,
    /// Whether the entrypoint or command runs on it.
    pub entrypoint: bool,
}
