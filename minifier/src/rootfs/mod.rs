//! The merged tree of an image: what a container sees, with each entry knowing its layer.

pub mod accounts;
mod changes;
mod file_range;
mod layer;
mod limits;
mod node;
mod path;
mod resolve;
mod search;
pub mod tar;
mod tree;

pub use changes::{Change, Changes};
pub use file_range::FileRange;
pub use layer::{
    ContentRef, ContentStore, EntryKind, LayerEntry, LayerIndex, MergedImage, read_after,
};
pub use limits::{Feeding, IndexBudget, MAX_NAME, MAX_PATH, TooLong, TooManyEntries, check_path};
pub use node::{Metadata, Mtime, Node, NodeId, NodeKind};
pub use path::{ImagePath, SYSTEM_MOUNTS, compare_paths, escape_bytes, shorten, shown};
pub use resolve::{End, Resolution};
pub use search::{DEFAULT_PATH, SearchPath};
pub use tree::{MergeError, RootFs};
