//! [`Plan`]: what stays and what goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::rootfs::ImagePath;
use crate::trace::Operation;

/// Why a path stays. Sorted and without repetitions in a [`KeepSet`], so that reports are deterministic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// A process touched it.
    Traced {
        /// What was done.
        operation: Operation,
        /// Path of the executable that did it.
        #[serde(skip_serializing_if = "Option::is_none")]
        executable: Option<ImagePath>,
    },
    /// A symbolic link on the way to a path that a process asked for, or that another reason names.
    LinkTo {
        /// The path that was asked for.
        target: ImagePath,
    },
    /// A directory above a path that stays.
    Parent,
    /// `PT_INTERP` of an ELF file that stays.
    ElfInterpreter {
        /// The ELF file.
        of: ImagePath,
    },
    /// `DT_NEEDED` (or `.note.dlopen`) of an ELF file that stays.
    ElfNeeded {
        /// The ELF file.
        of: ImagePath,
        /// The name as needed.
        name: String,
    },
    /// Interpreter of a script that stays.
    ScriptInterpreter {
        /// The script.
        of: ImagePath,
    },
    /// Belongs to a language module or package that stays, and is read with it.
    Module {
        /// A file of the module that was touched.
        of: ImagePath,
    },
    /// The image config names it.
    Config {
        /// Field: `Entrypoint`, `Cmd`, `WorkingDir`, `Volumes`, `User`, `Healthcheck`, `Shell`.
        field: String,
    },
    /// Every libc or every container expects it.
    Essential {
        /// What for.
        what: String,
    },
    /// An include option names it.
    Included {
        /// The option with its value.
        rule: String,
    },
}

/// The paths that stay, each with at least one reason. Every path exists in the image's merged tree, and the
/// directories above each are in it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepSet {
    paths: BTreeMap<ImagePath, BTreeSet<Reason>>,
}

impl KeepSet {
    /// Adds a reason; true where the path was not in the set before.
    pub fn insert(&mut self, path: ImagePath, reason: Reason) -> bool {
        let mut fresh = false;
        let reasons = self.paths.entry(path).or_insert_with(|| {
            fresh = true;
            BTreeSet::new()
        });
        reasons.insert(reason);
        fresh
    }

    /// Removes a path; true where it was there.
    pub fn remove(&mut self, path: &ImagePath) -> bool {
        self.paths.remove(path).is_some()
    }

    /// True where the path stays.
    pub fn contains(&self, path: &ImagePath) -> bool {
        self.paths.contains_key(path)
    }

    /// Why a path stays.
    pub fn reasons(&self, path: &ImagePath) -> Option<&BTreeSet<Reason>> {
        self.paths.get(path)
    }

    /// Paths in order with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&ImagePath, &BTreeSet<Reason>)> {
        self.paths.iter()
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// True where nothing stays.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

/// Files and bytes; hard links count once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Paths that are not directories.
    pub files: u64,
    /// Bytes of regular files.
    pub bytes: u64,
}

/// Something the user should know about the result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// One sentence that names the object.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What stays, what goes, what to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The paths that stay.
    pub keep: KeepSet,
    /// Of the visible tree: what stays.
    pub kept: Totals,
    /// Of the visible tree: what goes.
    pub dropped: Totals,
    /// Packages of which no file stays, `name version`, sorted.
    pub dropped_packages: Vec<String>,
    /// Packages of which a file stays, `name version`, sorted.
    pub kept_packages: Vec<String>,
    /// Warnings, sorted.
    pub warnings: Vec<Warning>,
}
