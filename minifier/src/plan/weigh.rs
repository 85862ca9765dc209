//! Evidence by its price: every group is tried with all it needs, and stays if that costs little enough.

use std::collections::{BTreeMap, BTreeSet};

use super::closure::Closure;
use super::summary::bytes_of;
use super::{EvidenceRules, LeftOut, PlanError, Reason, TakenGroup, TooDear, Weighed};
use crate::analyze::{PackageIndex, ReadError};
use crate::evidence::{Evidence, Group, KeptFile, Origin, Retain, Surroundings, View};
use crate::rootfs::{ImagePath, NodeId};
use crate::trace::Operation;

/// All groups together cost at most this share of the original's bytes, in hundredths. What the application itself names
/// may take all of it: a script that says `python3` is not served with less.
const MAX_TOTAL_PERCENT: u64 = 10;
/// A group that belongs with what was used costs at most this share, in hundredths,
const MAX_USED_PERCENT: u64 = 2;
/// and at most this many bytes.
const MAX_USED: u64 = 5_000_000;
/// A group that a package's own file names costs at most this share, in hundredths,
const MAX_PACKAGE_PERCENT: u64 = 1;
/// and at most this many bytes;
const MAX_PACKAGE: u64 = 2_500_000;
/// all such groups together cost at most this share, in hundredths.
const MAX_PACKAGES_PERCENT: u64 = 4;
/// Groups that are looked at; more come from an image that was made to have them.
const MAX_GROUPS: usize = 200_000;

/// What evidence may cost, in bytes.
#[derive(Debug, Clone, Copy)]
struct Prices {
    original: u64,
    /// All groups so far.
    spent: u64,
    /// Those of packages so far.
    spent_on_packages: u64,
}

impl Prices {
    /// The most that one group may cost.
    fn of_group(self, origin: Origin) -> u64 {
        match origin {
            Origin::Application => self.percent(MAX_TOTAL_PERCENT),
            Origin::Used => self.percent(MAX_USED_PERCENT).min(MAX_USED),
            Origin::Package => self.percent(MAX_PACKAGE_PERCENT).min(MAX_PACKAGE),
        }
    }

    /// What is left for groups of that origin.
    fn left(self, origin: Origin) -> u64 {
        let all = self.percent(MAX_TOTAL_PERCENT).saturating_sub(self.spent);
        match origin {
            Origin::Application | Origin::Used => all,
            Origin::Package => {
                let most = self.percent(MAX_PACKAGES_PERCENT);
                all.min(most.saturating_sub(self.spent_on_packages))
            }
        }
    }

    fn spend(&mut self, origin: Origin, price: u64) {
        self.spent += price;
        if origin == Origin::Package {
            self.spent_on_packages += price;
        }
    }

    fn percent(self, percent: u64) -> u64 {
        self.original / 100 * percent
    }
}

/// Takes the evidence that the level allows into the keep set, to a fixed point.
pub(crate) fn weigh(
    closure: &mut Closure<'_>,
    packages: &PackageIndex,
    surroundings: &Surroundings,
    rules: &EvidenceRules,
) -> Result<Weighed, PlanError> {
    let mut weighed = Weighed {
        retain: rules.retain,
        ..Weighed::default()
    };
    if rules.retain == Retain::Traced {
        return Ok(weighed);
    }
    let kept = closure.keep.iter();
    closure.kept_nodes = kept
        .filter_map(|(path, _)| closure.files.rootfs.lookup(path))
        .collect();
    let original: u64 = bytes_of(closure.files.rootfs, all_files(closure));
    let mut round = Round {
        closure,
        evidence: Evidence::new(&rules.off),
        prices: Prices {
            original,
            spent: 0,
            spent_on_packages: 0,
        },
        depths: BTreeMap::new(),
        rules,
        seen: BTreeSet::new(),
        pending: Vec::new(),
        dear: Vec::new(),
        weighed: &mut weighed,
    };
    loop {
        round.examine(packages, surroundings)?;
        if round.take_pending()? {
            continue;
        }
        // What was dear may share its price with what was taken since.
        if !round.take_dear()? {
            break;
        }
    }
    round.finish();
    Ok(weighed)
}

/// The state between two rounds.
struct Round<'c, 'a, 'r> {
    closure: &'c mut Closure<'a>,
    evidence: Evidence,
    prices: Prices,
    rules: &'r EvidenceRules,
    /// Paths that the readers have seen.
    seen: BTreeSet<ImagePath>,
    /// How many steps evidence is away from what the trace or the user named, by path.
    depths: BTreeMap<ImagePath, u32>,
    pending: Vec<Group>,
    dear: Vec<(Group, u64)>,
    weighed: &'r mut Weighed,
}

impl Round<'_, '_, '_> {
    /// Shows the readers what joined the keep set.
    fn examine(
        &mut self,
        packages: &PackageIndex,
        surroundings: &Surroundings,
    ) -> Result<(), ReadError> {
        let mut fresh = Vec::new();
        for (path, reasons) in self.closure.keep.iter() {
            if self.seen.contains(path) {
                continue;
            }
            self.seen.insert(path.clone());
            if let Some(node) = self.closure.files.rootfs.lookup(path) {
                fresh.push(KeptFile {
                    path: path.clone(),
                    node,
                    used: reasons.iter().any(is_use),
                    named: reasons.iter().any(is_name),
                });
            }
        }
        let kept = |path: &ImagePath| self.closure.keep.contains(path);
        let view = View {
            files: self.closure.files,
            packages,
            surroundings,
            kept: &kept,
        };
        let groups = self.evidence.examine(&fresh, &view)?;
        let room = MAX_GROUPS.saturating_sub(self.pending.len() + self.dear.len());
        self.pending.extend(groups.into_iter().take(room));
        Ok(())
    }

    /// Takes what is cheap of the groups whose word counts most. False if none is pending.
    fn take_pending(&mut self) -> Result<bool, ReadError> {
        let Some(first) = self.pending.iter().map(|group| self.rank(group)).min() else {
            return Ok(false);
        };
        let pending = std::mem::take(&mut self.pending).into_iter();
        let (batch, rest): (Vec<Group>, Vec<Group>) =
            pending.partition(|group| self.rank(group) == first);
        self.pending = rest;
        let mut priced = Vec::new();
        for group in batch {
            let price = self.price(&group)?;
            priced.push((group, price));
        }
        self.take_cheapest(priced)?;
        Ok(true)
    }

    /// Tries again what was too dear. False if all of it still is.
    fn take_dear(&mut self) -> Result<bool, ReadError> {
        let before = self.weighed.taken.len();
        let mut priced = Vec::new();
        for (group, old) in std::mem::take(&mut self.dear) {
            let price = self.price(&group)?;
            debug_assert!(price <= old, "{}: {price} > {old}", group.id());
            priced.push((group, price));
        }
        self.take_cheapest(priced)?;
        Ok(self.weighed.taken.len() > before)
    }

    /// In the order of price and name, so that the same image and trace give the same choice.
    fn take_cheapest(&mut self, mut priced: Vec<(Group, u64)>) -> Result<(), ReadError> {
        priced.sort_by(|(a, price_a), (b, price_b)| {
            let asked = |group: &Group| !self.rules.include.contains(&group.id());
            (asked(a), price_a, a.rule, &a.name).cmp(&(asked(b), price_b, b.rule, &b.name))
        });
        for (group, _) in priced {
            let asked_for = self.rules.include.contains(&group.id());
            self.closure.begin_trial();
            self.keep(&group)?;
            let added = self.closure.added_in_trial();
            let price = bytes_of(self.closure.files.rootfs, added.iter().copied());
            let prices = self.prices;
            let most = prices.of_group(group.origin).min(prices.left(group.origin));
            if asked_for || price <= most {
                self.note_depth(&group);
                self.closure.commit_trial();
                self.prices.spend(group.origin, price);
                if added.is_empty() {
                    continue;
                }
                self.weighed.taken.push(TakenGroup {
                    id: group.id(),
                    rule: group.rule,
                    source: group.source,
                    files: added.len() as u64,
                    bytes: price,
                });
            } else {
                self.closure.roll_back_trial();
                self.dear.push((group, price));
            }
        }
        Ok(())
    }

    /// The application's own word first; of two such, the one that is nearer to what was used.
    fn rank(&self, group: &Group) -> (Origin, u32) {
        (group.origin, self.depth(group))
    }

    fn depth(&self, group: &Group) -> u32 {
        self.depths.get(&group.source.file).copied().unwrap_or(0)
    }

    /// Takes down how far away the paths are that the trial added.
    fn note_depth(&mut self, group: &Group) {
        let depth = self.depth(group) + 1;
        for path in self.closure.paths_added_in_trial() {
            self.depths.insert(path.clone(), depth);
        }
    }

    /// The bytes that a group adds with all it needs.
    fn price(&mut self, group: &Group) -> Result<u64, ReadError> {
        self.closure.begin_trial();
        let kept = self.keep(group);
        let added = self.closure.added_in_trial();
        self.closure.roll_back_trial();
        kept?;
        Ok(bytes_of(self.closure.files.rootfs, added))
    }

    fn keep(&mut self, group: &Group) -> Result<(), ReadError> {
        for path in &group.paths {
            let reason = Reason::Evidence {
                rule: group.rule,
                source: group.source.clone(),
            };
            self.closure.keep_as_is(path, reason);
        }
        self.closure.settle()
    }

    fn finish(mut self) {
        let prices = self.prices;
        let mut left: Vec<LeftOut> = std::mem::take(&mut self.dear)
            .into_iter()
            .map(|(group, bytes)| LeftOut {
                id: group.id(),
                rule: group.rule,
                source: group.source,
                bytes,
                why: if bytes > prices.of_group(group.origin) {
                    TooDear::Group
                } else {
                    TooDear::Budget
                },
            })
            .collect();
        left.sort_by(|a, b| {
            (std::cmp::Reverse(a.bytes), &a.id).cmp(&(std::cmp::Reverse(b.bytes), &b.id))
        });
        self.weighed.left_out = left;
        self.weighed.notes = self.evidence.into_notes();
    }
}

/// A process did something with the content.
fn is_use(reason: &Reason) -> bool {
    let Reason::Traced { operation, .. } = reason else {
        return false;
    };
    matches!(
        operation,
        Operation::Open | Operation::OpenWrite | Operation::Execute | Operation::List
    )
}

/// Another file, the config or the user names it.
fn is_name(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::ElfInterpreter { .. }
            | Reason::ElfNeeded { .. }
            | Reason::ScriptInterpreter { .. }
            | Reason::Config { .. }
            | Reason::Included { .. }
            | Reason::Evidence { .. }
    )
}

fn all_files(closure: &Closure<'_>) -> BTreeSet<NodeId> {
    closure.files.rootfs.walk().map(|(_, node)| node).collect()
}
