//! [`Problems`]: sentences about what could not be read, of which so many are told one by one.

/// Problems of one kind that are told one by one.
const MAX_TOLD: usize = 50;

/// Problems in the order in which they came up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems {
    told: Vec<String>,
    more: u64,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: impl Into<String>) {
        match self.told.len() {
            0..MAX_TOLD => self.told.push(problem.into()),
            _ => self.more += 1,
        }
    }

    /// All, with a last one about those that are not told; `of` says what they are problems of.
    pub(crate) fn into_sentences(self, of: &str) -> Vec<String> {
        let mut sentences = self.told;
        if self.more > 0 {
            sentences.push(format!("{} more problems of {of} are not told", self.more));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_told_and_the_others_counted() {
        let mut problems = Problems::default();
        (0..MAX_TOLD).for_each(|n| problems.push(n.to_string()));
        assert_eq!(problems.clone().into_sentences("packages").len(), MAX_TOLD);
        problems.push("one more");
        let sentences = problems.into_sentences("packages");
        assert_eq!(
            sentences[MAX_TOLD],
            "1 more problems of packages are not told"
        );
        assert_eq!(sentences.len(), MAX_TOLD + 1);
    }
}
