//! The end of a plan: totals, packages, and warnings for the user.

use std::collections::BTreeSet;

use super::closure::Closure;
use super::{Plan, Reason, Totals, Weighed};
use crate::analyze::PackageIndex;
use crate::rootfs::{ImagePath, NodeId, RootFs, escape_bytes};
use crate::trace::Operation;

impl Closure<'_> {
    /// The plan, once nothing new appears any more.
    pub(crate) fn finish(mut self, packages: PackageIndex, evidence: Weighed) -> Plan {
        self.report_missing();
        self.report_excluded();
        if packages.left_out() {
            let message = "packages own more files than the report says: their directories are nested too \
                deeply to read all of them";
            self.note(message.into());
        }
        let (stay, go) = split_files(self.files.rootfs, &self.keep);
        let mut plan = Plan {
            kept: totals(self.files.rootfs, &stay),
            dropped: totals(self.files.rootfs, &go),
            keep: self.keep,
            excluded: self.excluded,
            evidence,
            warnings: self.warnings.into_iter().collect(),
            ..Plan::default()
        };
        for (package, files) in packages.iter() {
            let list = if files.is_disjoint(&stay) {
                &mut plan.dropped_packages
            } else {
                &mut plan.kept_packages
            };
            list.push(package.clone());
        }
        plan.packages = packages;
        plan
    }

    /// Names what the dynamic linker or the kernel would not find in the original either.
    fn report_missing(&mut self) {
        let names: BTreeSet<Vec<u8>> = self
            .keep
            .iter()
            .map(|(path, _)| path.file_name().to_vec())
            .collect();
        for (name, of) in std::mem::take(&mut self.facts.missing_libraries) {
            // A library that is loaded already answers to its name, wherever it was found.
            if names.contains(&name) || self.facts.sonames.contains(&name) {
                continue;
            }
            let first = of.first().map(ToString::to_string).unwrap_or_default();
            let more = match of.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let name = escape_bytes(&name);
            self.note(format!(
                "the library {name}, which {first}{more} needs, is not in any directory that the dynamic linker \
                 searches"
            ));
        }
        for (path, interpreter) in std::mem::take(&mut self.facts.missing_interpreters) {
            let may_run = |reason: &Reason| {
                matches!(
                    reason,
                    Reason::Config { .. }
                        | Reason::Included { .. }
                        | Reason::Traced {
                            operation: Operation::Execute,
                            ..
                        }
                )
            };
            if self
                .keep
                .reasons(&path)
                .is_some_and(|reasons| reasons.iter().any(may_run))
            {
                let interpreter = escape_bytes(&interpreter);
                self.note(format!(
                    "the interpreter {interpreter} of {path} is not in the image"
                ));
            }
        }
    }

    /// One warning for each exclude rule that left out something used, and for each that matches nothing.
    fn report_excluded(&mut self) {
        let rules: Vec<_> = std::mem::take(&mut self.excludes);
        for rule in &rules {
            let traced: Vec<&ImagePath> = self
                .excluded
                .iter()
                .filter(|(_, exclusion)| exclusion.pattern == rule.text)
                .filter(|(_, exclusion)| {
                    let traced = |reason: &Reason| matches!(reason, Reason::Traced { .. });
                    exclusion.reasons.iter().any(traced)
                })
                .map(|(path, _)| path)
                .collect();
            if let Some(first) = traced.first() {
                let message = format!(
                    "--exclude {} leaves out {} that the workload used: {first}{}",
                    rule.text,
                    if traced.len() == 1 { "a path" } else { "paths" },
                    match traced.len() {
                        1 => String::new(),
                        count => format!(" and {} more", count - 1),
                    }
                );
                let hint = "make the pattern narrower if the result misbehaves".to_owned();
                self.warn(message, Some(hint));
            } else if !self
                .files
                .rootfs
                .walk()
                .any(|(path, _)| rule.matches(&path))
            {
                self.warn(
                    format!("--exclude {}: nothing in the image matches", rule.text),
                    Some("start the pattern at the root of the image, or with `**/` to match anywhere".into()),
                );
            }
        }
    }
}

/// The files (not directories) that stay and those that go. A file with several names stays when one of them does.
fn split_files(rootfs: &RootFs, keep: &super::KeepSet) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
    let mut stay = BTreeSet::new();
    let mut all = BTreeSet::new();
    for (path, node) in rootfs.walk() {
        if rootfs.node(node).is_dir() {
            continue;
        }
        all.insert(node);
        if keep.contains(&path) {
            stay.insert(node);
        }
    }
    let go = &all - &stay;
    (stay, go)
}

fn totals(rootfs: &RootFs, nodes: &BTreeSet<NodeId>) -> Totals {
    Totals {
        files: nodes.len() as u64,
        bytes: bytes_of(rootfs, nodes.iter().copied()),
    }
}

/// Bytes of the regular files among nodes.
pub(crate) fn bytes_of(rootfs: &RootFs, nodes: impl IntoIterator<Item = NodeId>) -> u64 {
    nodes.into_iter().map(|node| rootfs.node(node).size()).sum()
}
