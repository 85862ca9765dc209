//! Files and directories of the merged tree.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FileTree, LayerFiles};

/// What the merged tree holds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Contents {
    /// Every path, of the merged tree and of all layers.
    pub tree: FileTree,
    /// What each layer did to which paths, lowest first.
    pub by_layer: Vec<LayerFiles>,
    /// Largest files, largest first.
    pub largest_files: Vec<LargeFile>,
    /// Largest directories with all that is below them, largest first; those that are but the way to one are left out.
    pub largest_directories: Vec<Directory>,
    /// Files by kind, largest kind first.
    pub kinds: Vec<KindTotal>,
    /// Files with the same content, largest waste first; hard links are one file. Not those that are documentation:
    /// every package brings its licence.
    pub duplicates: Vec<DuplicateGroup>,
    /// Bytes that all duplicates waste, those not listed too.
    pub duplicate_bytes: u64,
    /// Those of them that are documentation: change logs, licences.
    pub duplicate_documentation_bytes: u64,
}

impl Contents {
    /// Bytes that duplicates waste which are no documentation.
    pub fn wasted_by_duplicates(&self) -> u64 {
        self.duplicate_bytes
            .saturating_sub(self.duplicate_documentation_bytes)
    }
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

impl FileKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Program,
        Self::Library,
        Self::Object,
        Self::Script,
        Self::Code,
        Self::Archive,
        Self::Media,
        Self::Documentation,
        Self::Locale,
        Self::Data,
        Self::PackageManager,
        Self::Text,
        Self::Binary,
        Self::Empty,
    ];
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
