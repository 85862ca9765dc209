//! Files and directories of the merged tree.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FileTree, LayerFiles};

/// Files and directories: the tree of all paths, and the largest, by kind and by content.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Contents {
    /// Every path, of the merged tree and of all layers.
    pub tree: FileTree,
    /// Changes that each layer made, lowest layer first.
    pub by_layer: Vec<LayerFiles>,
    /// The largest files, largest first; at most 100.
    pub largest_files: Vec<LargeFile>,
    /// The largest directories with everything below them, largest first; at most 100. A directory is left out if
    /// nearly all of its bytes are in one of its subdirectories.
    pub largest_directories: Vec<Directory>,
    /// Files by kind, largest kind first.
    pub kinds: Vec<KindTotal>,
    /// Files with the same content, largest waste first; hard links are one file. Documentation is left out, since
    /// every package brings its licence.
    pub duplicates: Vec<DuplicateGroup>,
    /// Bytes that all duplicates waste, including those that are not listed.
    pub duplicate_bytes: u64,
    /// The part of `duplicate_bytes` that is documentation: change logs, licences.
    pub duplicate_documentation_bytes: u64,
}

impl Contents {
    /// Bytes that duplicates waste, without documentation.
    pub fn wasted_by_duplicates(&self) -> u64 {
        self.duplicate_bytes
            .saturating_sub(self.duplicate_documentation_bytes)
    }
}

/// Kind of content of a file, by its first bytes and its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// An ELF program that can be executed.
    Program,
    /// An ELF file with the name of a shared library.
    Library,
    /// An ELF object, kernel module or core dump, or an archive of objects.
    Object,
    /// A script that starts with `#!`.
    Script,
    /// Source or byte code of an interpreted language.
    Code,
    /// Archive or compressed file: zip, jar, tar, gzip and others.
    Archive,
    /// Image, sound, video or font.
    Media,
    /// Manual pages, documentation, licences.
    Documentation,
    /// Translations and locales.
    Locale,
    /// Configuration and structured text.
    Data,
    /// Package database or cache.
    PackageManager,
    /// Text of no other kind.
    Text,
    /// Bytes of no other kind.
    Binary,
    /// A file without content.
    Empty,
}

impl FileKind {
    /// All kinds, in the order of their declaration.
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

/// One of the largest files of the merged tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LargeFile {
    /// Path inside the image.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Number of the layer that it comes from.
    pub layer: usize,
    /// Kind of its content.
    pub kind: FileKind,
    /// Package URL of the package that it belongs to; `None` if it belongs to none.
    pub package: Option<String>,
}

/// A directory with everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Directory {
    /// Path inside the image.
    pub path: String,
    /// Bytes of the files below it.
    pub size: u64,
    /// Number of files below it.
    pub files: u64,
}

/// Number and bytes of the files of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KindTotal {
    /// Kind of content.
    pub kind: FileKind,
    /// Number of files of that kind.
    pub files: u64,
    /// Bytes of these files.
    pub size: u64,
}

/// Files with the same content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DuplicateGroup {
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Size in bytes of each of the files.
    pub size: u64,
    /// Bytes that all but one waste.
    pub wasted: u64,
    /// Number of files with this content.
    pub count: u64,
    /// Paths of the files, sorted; at most 100.
    pub paths: Vec<String>,
}
