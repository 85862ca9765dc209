//! Files and directories of the merged tree.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the merged tree holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Contents {
    /// The tree: every directory, and the files that are large enough to be seen; the rest of a directory in one node.
    pub tree: TreeNode,
    /// Largest files, largest first.
    pub largest_files: Vec<LargeFile>,
    /// Largest directories with all that is below them, largest first; those that are but the way to one are left out.
    pub largest_directories: Vec<Directory>,
    /// Files by kind, largest kind first.
    pub kinds: Vec<KindTotal>,
    /// Files with the same content, largest waste first; hard links are one file.
    pub duplicates: Vec<DuplicateGroup>,
    /// Bytes that all duplicates waste, those not listed too.
    pub duplicate_bytes: u64,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeNode {
    /// Last component; `/` for the root; empty for the rest of a directory.
    pub name: String,
    /// What it is.
    pub kind: TreeNodeKind,
    /// Bytes of files, with all that is below it.
    pub size: u64,
    /// Files, with all that are below it.
    pub files: u64,
    /// The layer that the entry comes from.
    pub layer: usize,
    /// Kind of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_kind: Option<FileKind>,
    /// Package that a file belongs to, as in [`PackageInfo::id`](super::PackageInfo::id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Entries of a directory, largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<TreeNode>,
}

/// What a node of the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TreeNodeKind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// Small files of a directory together.
    Rest,
}

/// What a file holds, told by its first bytes and its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// An ELF program.
    Program,
    /// An ELF library.
    Library,
    /// An ELF object, kernel module or core dump.
    Object,
    /// Starts with `#!`.
    Script,
    /// Source or byte code of an interpreted language.
    Code,
    /// zip, jar, tar, gzip and the like.
    Archive,
    /// Image, sound, font.
    Media,
    /// Manual pages, documentation, licences.
    Documentation,
    /// Translations and locales.
    Locale,
    /// Configuration and structured text.
    Data,
    /// Package database or cache.
    PackageManager,
    /// Other text.
    Text,
    /// Other bytes.
    Binary,
    /// No bytes at all.
    Empty,
}

/// A large file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LargeFile {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The layer that it comes from.
    pub layer: usize,
    /// What it holds.
    pub kind: FileKind,
    /// The package that it belongs to.
    pub package: Option<String>,
}

/// A directory with all that is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Directory {
    /// Its path.
    pub path: String,
    /// Bytes of the files below it.
    pub size: u64,
    /// Files below it.
    pub files: u64,
}

/// Files of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindTotal {
    /// The kind.
    pub kind: FileKind,
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub size: u64,
}

/// Files with the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateGroup {
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Bytes of each.
    pub size: u64,
    /// Bytes that all but one waste.
    pub wasted: u64,
    /// How many there are.
    pub count: u64,
    /// Paths, sorted; the first hundred.
    pub paths: Vec<String>,
}
