//! What an image answered, in a form that can be compared and read in a failed test.

use std::fmt;

/// Questions and answers in the order they were put.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answers(Vec<(String, String)>);

impl Answers {
    /// Adds an answer.
    pub fn push(&mut self, question: impl Into<String>, answer: impl Into<String>) {
        self.0.push((question.into(), answer.into()));
    }

    /// One line for every answer of `self` that differs from the one of `other`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let longest = self.0.len().max(other.0.len());
        let line = |answers: &Self, index: usize| match answers.0.get(index) {
            Some((question, answer)) => format!("{question} -> {answer}"),
            None => "not asked".to_owned(),
        };
        (0..longest)
            .filter(|&index| self.0.get(index) != other.0.get(index))
            .map(|index| format!("{}\n  instead of {}", line(self, index), line(other, index)))
            .collect()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (question, answer) in &self.0 {
            writeln!(f, "{question} -> {answer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_question_and_both_answers() {
        let mut one = Answers::default();
        one.push("GET /", "200");
        one.push("stop", "0");
        let mut other = Answers::default();
        other.push("GET /", "500");
        assert_eq!(
            one.differences(&other),
            [
                "GET / -> 200\n  instead of GET / -> 500",
                "stop -> 0\n  instead of not asked",
            ]
        );
        assert!(one.differences(&one).is_empty());
    }
}
