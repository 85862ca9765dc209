//! [`Claim`]: which bytes of which file bodies a recommendation frees. Two that name the same body free it once.

use std::collections::BTreeMap;

use super::model::Recommendation;
use crate::rootfs::ContentRef;

/// A file body: its layer, and its place in it.
type BodyKey = (u32, u64);

/// Bytes of file bodies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim(BTreeMap<BodyKey, u64>);

impl Claim {
    /// Adds so many bytes of a body; of two numbers the larger one counts.
    pub(crate) fn add(&mut self, content: ContentRef, bytes: u64) {
        let known = self.0.entry((content.layer, content.at)).or_default();
        // No advice can free more of a body than it has, whatever a header claims about its sections.
        *known = (*known).max(bytes.min(content.size));
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.values().fold(0, |sum, &b| sum.saturating_add(b))
    }

    fn merge(&mut self, other: &Self) {
        for (key, bytes) in &other.0 {
            let known = self.0.entry(*key).or_default();
            *known = (*known).max(*bytes);
        }
    }

    #[cfg(test)]
    pub(crate) fn of(&self, content: ContentRef) -> u64 {
        self.0
            .get(&(content.layer, content.at))
            .copied()
            .unwrap_or(0)
    }
}

/// A recommendation with what it frees.
#[derive(Debug, Clone)]
pub(crate) struct Advice {
    pub(crate) recommendation: Recommendation,
    pub(crate) claim: Claim,
    /// Bytes that come in place of what is freed: those of another base image.
    pub(crate) instead: u64,
}

impl Advice {
    /// One that is not about bytes.
    pub(crate) fn plain(recommendation: Recommendation) -> Self {
        Self {
            recommendation,
            claim: Claim::default(),
            instead: 0,
        }
    }

    /// One that frees what it claims.
    pub(crate) fn freeing(recommendation: Recommendation, claim: Claim) -> Self {
        Self {
            recommendation: Recommendation {
                saves: claim.bytes(),
                ..recommendation
            },
            claim,
            instead: 0,
        }
    }
}

/// Bytes that all of them free together. What an exchange of the base frees anyway does not count for the others, and it
/// never makes the sum smaller.
pub(crate) fn together(all: &[Advice]) -> u64 {
    let union = |wanted: fn(&Advice) -> bool| {
        let mut union = Claim::default();
        for advice in all.iter().filter(|advice| wanted(advice)) {
            union.merge(&advice.claim);
        }
        union.bytes()
    };
    let instead = all.iter().map(|advice| advice.instead).sum();
    // A smaller base brings bytes of its own, which come off what is freed.
    let everything = union(|_| true).saturating_sub(instead);
    // If the new base is hardly smaller, keeping the old one and following the rest saves more.
    everything.max(union(|advice| advice.instead == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(bodies: &[(u64, u64)]) -> Claim {
        let mut claim = Claim::default();
        for &(at, bytes) in bodies {
            let content = ContentRef {
                layer: 0,
                at,
                size: 1000,
            };
            claim.add(content, bytes);
        }
        claim
    }

    fn advice(claim: Claim, instead: u64) -> Advice {
        let recommendation = super::super::advice::recommendation("id", "title", Vec::new(), "");
        Advice {
            instead,
            ..Advice::freeing(recommendation, claim)
        }
    }

    #[test]
    fn what_two_recommendations_free_counts_once() {
        let remove = advice(claim(&[(1, 1000), (2, 1000)]), 0);
        let strip = advice(claim(&[(2, 400), (3, 300)]), 0);
        assert_eq!(together(&[remove.clone(), strip.clone()]), 2300);
        // Another base takes the bodies 1 and 2 away and brings 500 bytes.
        let base = advice(claim(&[(1, 1000), (2, 1000)]), 500);
        assert_eq!(together(&[base.clone(), strip.clone()]), 1800);
        assert_eq!(together(&[base, remove]), 2000);
        assert_eq!(together(&[]), 0);
    }

    #[test]
    fn no_body_gives_more_than_it_has() {
        assert_eq!(claim(&[(1, 5000)]).bytes(), 1000);
        assert_eq!(claim(&[(1, 10), (1, 20)]).bytes(), 20);
    }
}
