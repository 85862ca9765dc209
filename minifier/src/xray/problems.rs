//! [`Problems`]: sentences about what could not be read. The first are listed, the others are only counted.

/// Problems of one kind that are listed.
const MAX_LISTED: usize = 50;

/// Problems in the order in which they came up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems {
    listed: Vec<String>,
    more: u64,
}

impl Problems {
    pub(crate) fn push(&mut self, problem: impl Into<String>) {
        match self.listed.len() {
            0..MAX_LISTED => self.listed.push(problem.into()),
            // A broken image can have a million of them, and the report is sent to people.
            _ => self.more += 1,
        }
    }

    /// All sentences; the last one says how many more there were. `of` names what they are problems of.
    pub(crate) fn into_sentences(self, of: &str) -> Vec<String> {
        let mut sentences = self.listed;
        if self.more > 0 {
            sentences.push(format!(
                "{} more problems of {of} are not listed",
                self.more
            ));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_listed_and_the_others_counted() {
        let mut problems = Problems::default();
        (0..MAX_LISTED).for_each(|n| problems.push(n.to_string()));
        assert_eq!(
            problems.clone().into_sentences("packages").len(),
            MAX_LISTED
        );
        problems.push("one more");
        let sentences = problems.into_sentences("packages");
        assert_eq!(
            sentences[MAX_LISTED],
            "1 more problems of packages are not listed"
        );
        assert_eq!(sentences.len(), MAX_LISTED + 1);
    }
}
