//! Layers, what each brings and wastes, and the steps that made them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A layer: what it brings, and what it hides of the layers below.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LayerInfo {
    /// Number of the layer; 0 is the lowest.
    pub index: usize,
    /// Digest of the blob as stored; `None` if it is stored without one.
    pub digest: Option<String>,
    /// Digest of the uncompressed tar; empty if the config has none for this layer.
    pub diff_id: String,
    /// Media type, or the compression if the manifest has no media type.
    pub media_type: String,
    /// Bytes of the blob as stored, compressed or not.
    pub stored_size: u64,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Bytes of its files.
    pub size: u64,
    /// The instruction that made it, as a line of a Dockerfile; empty if the history does not have it.
    pub instruction: String,
    /// Files that no lower layer had.
    pub added: u64,
    /// Files that replace one of a lower layer.
    pub changed: u64,
    /// Paths of lower layers that its whiteouts hide.
    pub removed: u64,
    /// Bytes of its files that the merged tree does not show, since a later entry hides them.
    pub hidden_size: u64,
    /// Bytes of lower layers that it hides.
    pub hides_size: u64,
    /// Whether it belongs to the base image.
    pub base: bool,
}

/// Share of the shipped bytes that is visible in the final file system. A byte that ships but is not visible counts
/// once, whichever layer hides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Efficiency {
    /// Visible bytes divided by bytes of all layers, 0 to 1; 1 for an empty image.
    pub score: f64,
    /// Bytes that ship but are not visible.
    pub wasted_bytes: u64,
    /// Bytes that the layers above the lowest add in vain: those of their files that are not visible, and those that
    /// replace as many bytes of the lowest layer, as a `chown` does. What they remove of the lowest does not count.
    pub user_wasted_bytes: u64,
    /// `user_wasted_bytes` divided by the bytes of these layers, 0 to 1.
    pub user_wasted_percent: f64,
    /// The paths that waste most, largest first; at most 100.
    pub wasted_paths: Vec<WastedPath>,
}

/// A path whose bytes ship without being visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WastedPath {
    /// Path inside the image.
    pub path: String,
    /// Its hidden bytes over all layers.
    pub bytes: u64,
    /// Numbers of the layers that have it or remove it, lowest first.
    pub layers: Vec<usize>,
    /// Whether the last of these layers removes it.
    pub removed: bool,
}

/// A step of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DockerfileStep {
    /// The step as a line of a Dockerfile: `RUN apt-get update`, `COPY /app /app`; a comment, `# …`, if the history
    /// does not say enough.
    pub instruction: String,
    /// `created_by` of the history, unchanged except that secrets are masked.
    pub created_by: String,
    /// Time of the step (RFC 3339), as the history says; `None` if it does not.
    pub created: Option<String>,
    /// Number of the layer that it made; `None` if it changed only metadata.
    pub layer: Option<usize>,
    /// Bytes of the files of that layer.
    pub size: u64,
    /// Whether it belongs to the base image.
    pub base: bool,
}
