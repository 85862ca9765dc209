//! [`Plan`]: what stays and what goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::analyze::{Package, PackageIndex};
use crate::evidence::{EvidenceSource, Note, Retain, Rule};
use crate::rootfs::ImagePath;
use crate::trace::Operation;

/// Why a path stays. Sorted and without repetitions in a [`KeepSet`], so that reports are deterministic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Reason {
    /// A process touched it.
    Traced {
        /// The kind of access, such as opening or listing.
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
        /// The program or library that names it.
        of: ImagePath,
    },
    /// `DT_NEEDED` (or `.note.dlopen`) of an ELF file that stays.
    ElfNeeded {
        /// The program or library that names it.
        of: ImagePath,
        /// The name as needed.
        name: String,
    },
    /// Interpreter of a script that stays.
    ScriptInterpreter {
        /// The script whose first line names it.
        of: ImagePath,
    },
    /// The image config names it.
    Config {
        /// Field: `Entrypoint`, `Cmd`, `WorkingDir`, `Volumes`, `User`, `Healthcheck`, `Env`.
        field: String,
    },
    /// Every libc or every container expects it.
    Essential {
        /// Its purpose in a few words, for `explain` and the report.
        what: String,
    },
    /// A file that stays says that the program can need it.
    Evidence {
        /// The kind of evidence.
        rule: Rule,
        /// The place that says so.
        #[serde(flatten)]
        source: EvidenceSource,
    },
    /// An include option names it.
    Included {
        /// The option with its value.
        rule: String,
    },
}

/// Reasons of one kind that a path can have: `libc.so.6` is needed by every program, `/lib` is on the way to every
/// library. The first ones in order stay. What processes did is never left out.
const MAX_OF_A_KIND: usize = 16;

/// Adds a reason to those of a path.
pub(crate) fn add_reason(reasons: &mut BTreeSet<Reason>, reason: Reason) {
    let kind = std::mem::discriminant(&reason);
    let bounded = !matches!(reason, Reason::Traced { .. });
    reasons.insert(reason);
    if bounded && reasons.len() > MAX_OF_A_KIND {
        let same = |reason: &&Reason| std::mem::discriminant(*reason) == kind;
        if reasons.iter().filter(same).count() > MAX_OF_A_KIND
            && let Some(last) = reasons.iter().rev().find(same).cloned()
        {
            reasons.remove(&last);
        }
    }
}

/// The paths that stay, each with at least one reason. Every path exists in the image's merged tree, and the
/// directories above each are in it too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepSet {
    paths: BTreeMap<ImagePath, BTreeSet<Reason>>,
}

impl KeepSet {
    /// Adds a reason. Returns whether the path is new in the set.
    pub fn insert(&mut self, path: ImagePath, reason: Reason) -> bool {
        let mut fresh = false;
        let reasons = self.paths.entry(path).or_insert_with(|| {
            fresh = true;
            BTreeSet::new()
        });
        add_reason(reasons, reason);
        fresh
    }

    /// Whether the path stays.
    pub fn contains(&self, path: &ImagePath) -> bool {
        self.paths.contains_key(path)
    }

    /// Why a path stays.
    pub fn reasons(&self, path: &ImagePath) -> Option<&BTreeSet<Reason>> {
        self.paths.get(path)
    }

    /// Puts back what was known of a path before a trial; `None` if it was not in the set.
    pub(crate) fn restore(&mut self, path: ImagePath, reasons: Option<BTreeSet<Reason>>) {
        match reasons {
            Some(reasons) => self.paths.insert(path, reasons),
            None => self.paths.remove(&path),
        };
    }

    /// Paths in order with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&ImagePath, &BTreeSet<Reason>)> {
        self.paths.iter()
    }

    /// Number of paths, directories and links included.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether no path is kept, as of an image without files.
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

/// How much a [`Warning`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningLevel {
    /// The user decided something, or expects something, that may make the result differ from the original.
    Warning,
    /// Something odd about the original, which the result has in common with it.
    Note,
}

/// Something the user should know about the result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Warning {
    /// How much it matters.
    pub severity: WarningLevel,
    /// One sentence that names the object.
    pub message: String,
    /// A way to mend it; `None` if there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A path that would have stayed but for an exclude rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exclusion {
    /// The rule, as the user wrote it.
    pub pattern: String,
    /// Why it would have stayed.
    pub reasons: BTreeSet<Reason>,
}

/// The decision: what stays and why, what goes, and what the user should know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The paths that stay.
    pub keep: KeepSet,
    /// The paths that go though there was a reason to keep them.
    pub excluded: BTreeMap<ImagePath, Exclusion>,
    /// Of the visible tree: what stays.
    pub kept: Totals,
    /// Of the visible tree: what goes.
    pub dropped: Totals,
    /// Packages of which no file stays, sorted.
    pub dropped_packages: Vec<Package>,
    /// Packages of which a file stays, sorted.
    pub kept_packages: Vec<Package>,
    /// Which file belongs to which package, for explanations.
    pub packages: PackageIndex,
    /// Evidence: what was taken, and what was too dear.
    pub evidence: Weighed,
    /// Warnings, sorted: what matters more comes first.
    pub warnings: Vec<Warning>,
}

/// Evidence by its price.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Weighed {
    /// The level that decided.
    pub retain: Retain,
    /// Groups that stay, in the order in which they were taken.
    pub taken: Vec<TakenGroup>,
    /// Groups that were too dear, the dearest first.
    pub left_out: Vec<LeftOut>,
    /// Places from which nothing could be concluded.
    pub notes: BTreeSet<Note>,
}

/// A group of evidence that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenGroup {
    /// Name for `--include-evidence`.
    pub id: String,
    /// The kind of evidence.
    pub rule: Rule,
    /// The place that says so.
    pub source: EvidenceSource,
    /// Entries that it added, with all they need; directories count.
    pub files: u64,
    /// Bytes of the regular files among them.
    pub bytes: u64,
}

/// A group of evidence that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Name for `--include-evidence`.
    pub id: String,
    /// The kind of evidence.
    pub rule: Rule,
    /// The place that says so.
    pub source: EvidenceSource,
    /// Bytes that it would add, with all it needs.
    pub bytes: u64,
    /// Which limit it exceeds.
    pub why: TooDear,
}

/// The limit that a group exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooDear {
    /// That of one group.
    Group,
    /// That of all groups together.
    Budget,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_reasons_of_a_kind_keep_the_first_whatever_the_order() {
        let reason = |i: usize| Reason::LinkTo {
            target: ImagePath::new(format!("/{i:03}")),
        };
        let collect = |order: &mut dyn Iterator<Item = usize>| {
            let mut set = BTreeSet::from([Reason::Parent]);
            order.for_each(|i| add_reason(&mut set, reason(i)));
            set
        };
        let up = collect(&mut (0..100));
        assert_eq!(up, collect(&mut (0..100).rev()));
        assert_eq!(up.len(), MAX_OF_A_KIND + 1);
        assert!(up.contains(&reason(15)) && !up.contains(&reason(16)));
    }
}
