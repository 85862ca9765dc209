//! Programs and libraries: what they need, what needs them, how they are hardened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// ELF files of the merged tree.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Binaries {
    /// Programs and libraries, by path.
    pub files: Vec<Binary>,
    /// Needs that nothing in the image provides: these programs are broken already.
    pub broken: Vec<BrokenNeed>,
    /// Libraries that no program or library needs by name; plug-ins that are loaded at run time may be among them.
    pub unused: Vec<UnusedLibrary>,
    /// Bytes of debug information in all files.
    pub debug_bytes: u64,
}

/// How a file is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// A program that needs no library.
    Static,
    /// A position-independent program that needs no library.
    StaticPie,
    /// A program with an interpreter.
    Dynamic,
    /// A library.
    Library,
}

/// An ELF file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binary {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The layer that it comes from.
    pub layer: usize,
    /// Machine: `x86_64`, `aarch64`, or the number.
    pub machine: String,
    /// How it is linked.
    pub linkage: Linkage,
    /// `PT_INTERP`
    pub interpreter: Option<String>,
    /// `DT_NEEDED`
    pub needed: Vec<String>,
    /// `DT_SONAME`
    pub soname: Option<String>,
    /// Bytes of sections with debug information.
    pub debug_bytes: u64,
    /// Bytes of sections that `strip` would remove: debug information, and symbols that nothing needs to load it.
    #[serde(default)]
    pub strip_bytes: u64,
    /// Whether it has a table of symbols that `strip` would remove.
    pub symbols: bool,
    /// What protects it.
    pub hardening: Hardening,
}

/// How relocations are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    /// Not at all.
    None,
    /// All but the table of functions.
    Partial,
    /// All.
    Full,
}

/// What protects a program or library. `None` if it cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hardening {
    /// Position-independent.
    pub pie: bool,
    /// Protection of relocations.
    pub relro: Relro,
    /// The stack is not executable.
    pub nx: bool,
    /// Checks the stack for overwritten return addresses; `None` if no symbol can tell (a static, stripped program).
    pub stack_protector: Option<bool>,
    /// Calls checked variants of the C library's functions; none as above.
    pub fortify: Option<bool>,
}

/// A need that nothing provides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrokenNeed {
    /// The file that needs it.
    pub path: String,
    /// Library or interpreter as the file names it.
    pub needs: String,
}

/// A library that nothing needs by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnusedLibrary {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// The package that it belongs to.
    pub package: Option<String>,
}
