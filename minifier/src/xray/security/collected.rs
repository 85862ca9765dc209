//! [`Findings`]: findings while they are being found, judged by the ignore list and bounded.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::ignore::{IgnoreList, IgnoreVerdict, Judge};
use crate::xray::model::{Finding, FindingKind, IgnoreEntry, IgnoredFinding};

const MAX_FINDINGS_OF_A_KIND: usize = 200;

/// Findings as they are found. The ignore list judges them before they are bounded, so that accepted findings do not
/// push out open ones.
pub(crate) struct Findings<'a> {
    judge: Judge<'a>,
    open: FirstOfEachKind<Finding>,
    ignored: FirstOfEachKind<IgnoredFinding>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(ignore: &'a IgnoreList, now: Timestamp) -> Self {
        Self {
            judge: ignore.judge(now),
            open: FirstOfEachKind::default(),
            ignored: FirstOfEachKind::default(),
        }
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        match self.judge.judge(finding) {
            IgnoreVerdict::Open(finding) => self.open.push(finding),
            IgnoreVerdict::Accepted(ignored) => self.ignored.push(ignored),
        }
    }

    /// Open findings, accepted ones, and the entries of the ignore list with what they accepted.
    pub(crate) fn finish(self) -> (Vec<Finding>, Vec<IgnoredFinding>, Vec<IgnoreEntry>) {
        let (open, ignored) = (self.open.finish(), self.ignored.finish());
        (open, ignored, self.judge.entries())
    }
}

/// The first of each kind, in the order of the report; a made-up image could have millions.
struct FirstOfEachKind<T>(BTreeMap<FindingKind, Vec<T>>);

impl<T> Default for FirstOfEachKind<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: AsRef<Finding> + PartialEq> FirstOfEachKind<T> {
    fn push(&mut self, finding: T) {
        let kept = self.0.entry(finding.as_ref().kind).or_default();
        kept.push(finding);
        // Now and then, so that each costs little.
        if kept.len() == 2 * MAX_FINDINGS_OF_A_KIND {
            Self::cut(kept);
        }
    }

    fn cut(kept: &mut Vec<T>) {
        sort(kept);
        kept.dedup();
        // Sorted first: which findings are kept must not depend on the order in which layers were read.
        kept.truncate(MAX_FINDINGS_OF_A_KIND);
    }

    fn finish(self) -> Vec<T> {
        let mut all = Vec::new();
        for (_, mut kept) in self.0 {
            Self::cut(&mut kept);
            all.append(&mut kept);
        }
        sort(&mut all);
        all
    }
}

/// The worst first.
fn sort<T: AsRef<Finding>>(findings: &mut [T]) {
    findings.sort_by(|a, b| {
        let (a, b) = (a.as_ref(), b.as_ref());
        let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.kind);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.location.cmp(&b.location))
            .then_with(|| a.detail.cmp(&b.detail))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xray::model::{FindingLocation, Severity};

    #[test]
    fn of_many_findings_the_first_are_kept_and_no_others_meanwhile() {
        let finding = |n: u64| {
            let location = FindingLocation::File {
                path: format!("/f/{:06}", n * 7919 % 100_000),
                layer: 0,
                line: None,
                visible: true,
            };
            Finding::new(FindingKind::Credential, Severity::Error, "", location, "")
        };
        let mut found = FirstOfEachKind::default();
        for n in 0..100_000 {
            found.push(finding(n));
            let kept: usize = found.0.values().map(Vec::len).sum();
            assert!(kept < 2 * MAX_FINDINGS_OF_A_KIND, "{kept}");
        }
        let paths: Vec<String> = found
            .finish()
            .into_iter()
            .map(|finding| match finding.location {
                FindingLocation::File { path, .. } => path,
                other => unreachable!("{other:?}"),
            })
            .collect();
        let first: Vec<String> = (0..MAX_FINDINGS_OF_A_KIND)
            .map(|n| format!("/f/{n:06}"))
            .collect();
        assert_eq!(paths, first);
    }
}
