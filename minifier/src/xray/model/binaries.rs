//! Programs and libraries: what they need, what needs them, how they are hardened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// ELF files of the merged tree.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Binaries {
    /// Programs and libraries, by path.
    pub files: Vec<Binary>,
    /// Needs that nothing in the image provides: these programs do not start.
    pub broken: Vec<BrokenNeed>,
    /// Libraries that no program or library needs by name; plug-ins that are loaded at run time may be among them.
    pub unused: Vec<UnusedLibrary>,
    /// Bytes of debug information in all files.
    pub debug_bytes: u64,
}

/// Linkage of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// A program that needs no library.
    Static,
    /// A position-independent program that needs no library.
    StaticPie,
    /// A program with an interpreter.
    Dynamic,
    /// A shared library.
    Library,
}

/// An ELF program or library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Binary {
    /// Path inside the image.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Number of the layer that it comes from.
    pub layer: usize,
    /// Machine: `x86_64`, `aarch64`, …, or the number (`e_machine`) of others.
    pub machine: String,
    /// Linkage: static, dynamic or a library.
    pub linkage: Linkage,
    /// Dynamic linker that it names (`PT_INTERP`); `None` for static programs and most libraries.
    pub interpreter: Option<String>,
    /// Libraries that it needs by name (`DT_NEEDED`), in its order.
    pub needed: Vec<String>,
    /// Name that others need it by (`DT_SONAME`); `None` if it has none.
    pub soname: Option<String>,
    /// Bytes of sections with debug information.
    pub debug_bytes: u64,
    /// Bytes of sections that `strip` would remove: debug information, and symbols that loading it does not need.
    #[serde(default)]
    pub strip_bytes: u64,
    /// Whether it has a table of symbols that `strip` would remove.
    pub symbols: bool,
    /// Hardening of the file.
    pub hardening: Hardening,
}

/// Protection of relocations (RELRO).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    /// No protection: they stay writable.
    None,
    /// All but the table of functions is read-only.
    Partial,
    /// All are read-only, since all functions are bound at the start.
    Full,
}

/// Hardening of a program or library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hardening {
    /// Whether it is position-independent.
    pub pie: bool,
    /// Protection of its relocations.
    pub relro: Relro,
    /// Whether its stack is not executable.
    pub nx: bool,
    /// Whether it checks the stack for overwritten return addresses; `None` if it has no symbols (a static, stripped
    /// program).
    pub stack_protector: Option<bool>,
    /// Whether it calls checked variants of the C library's functions; `None` if it has no symbols.
    pub fortify: Option<bool>,
}

/// A need that nothing provides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BrokenNeed {
    /// Path of the file that needs it.
    pub path: String,
    /// Library or dynamic linker, as the file names it.
    pub needs: String,
}

/// A library that nothing needs by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnusedLibrary {
    /// Path inside the image.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Package URL of the package that it belongs to; `None` if it belongs to none.
    pub package: Option<String>,
}
