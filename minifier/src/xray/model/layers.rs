//! Layers, what each brings and wastes, and the steps that made them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One layer.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LayerInfo {
    /// 0 is the lowest.
    pub index: usize,
    /// Digest of the blob as stored; `None` if it is stored without one.
    pub digest: Option<String>,
    /// Digest of the uncompressed tar.
    pub diff_id: String,
    /// Media type, or how it is compressed if there is none.
    pub media_type: String,
    /// Bytes as stored.
    pub stored_size: u64,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Bytes of its files.
    pub size: u64,
    /// The instruction that made it, as in [`DockerfileStep::instruction`]; empty if the history does not say.
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

/// How much of what ships is to be seen. Each byte that ships but is not visible counts once, whoever hid it.
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
    /// Paths that waste most, largest first.
    pub wasted_paths: Vec<WastedPath>,
}

/// A path of which bytes ship without being visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WastedPath {
    /// The path.
    pub path: String,
    /// Its hidden bytes over all layers.
    pub bytes: u64,
    /// Layers that have it, lowest first.
    pub layers: Vec<usize>,
    /// Whether the last of them removes it.
    pub removed: bool,
}

/// A step of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DockerfileStep {
    /// As a Dockerfile would have it: `RUN apt-get update`, `COPY /app /app`; `# …` if it cannot be told.
    pub instruction: String,
    /// The history's own text.
    pub created_by: String,
    /// RFC 3339 time.
    pub created: Option<String>,
    /// The layer that it made; none for metadata.
    pub layer: Option<usize>,
    /// Bytes of the files of that layer.
    pub size: u64,
    /// Whether it belongs to the base image.
    pub base: bool,
}
